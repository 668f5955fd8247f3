import { isCheckpointError, type Problem } from '../../src/index.js';

/** The problems a function refuses with; none where it does not refuse. Whatever else it throws is thrown on. */
export function refusal(run: () => unknown): readonly Problem[] {
  try {
    run();
  } catch (error) {
    if (!isCheckpointError(error) || error.problems.length === 0) throw error;
    return error.problems;
  }
  return [];
}

/** The codes of problems, in their order. */
export function codesOf(problems: readonly Problem[]): readonly string[] {
  return problems.map(({ code }) => code);
}

/** The data of problems, without the words for people. */
export function detailsOf(problems: readonly Problem[]): readonly object[] {
  return problems.map(({ text: _, cure: __, ...details }) => details);
}
