// Says in one line what vitest reported: summary.js REPORT STATUS. Exits with that status, or 1 where a test was skipped.
import { existsSync, readFileSync } from 'node:fs';

const [report, status] = [process.argv[2], Number(process.argv[3])];
// There is no report where an earlier check failed: the tests were not reached.
const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = existsSync(report)
  ? JSON.parse(readFileSync(report, 'utf8'))
  : { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
const skipped = numPendingTests + numTodoTests;
if (skipped > 0) console.log(`${skipped} skipped: here every test must run`);
const failed = numFailedTests + skipped;
// What fails outside of any test, types or coverage for example, is one failure too.
console.log(`${numPassedTests} passed, ${failed === 0 && status !== 0 ? 1 : failed} failed`);
process.exitCode = status === 0 && failed > 0 ? 1 : status;
