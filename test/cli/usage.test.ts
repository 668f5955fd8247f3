import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { commands, known } from '../../src/cli/options.js';
import { runOnFiles } from '../support/run-on-files.js';

const files = '--block-nodes r.json --disk vda=vda';

describe('a command line that is not as it should be', () => {
  it.each([
    ['', 'no command is given'],
    ['frob', 'there is no command "frob"'],
    ['__proto__', 'there is no command "__proto__"'],
    ['create a b', '"b" is one argument too many'],
    ['list a', 'list takes no name'],
    ['delete', 'delete needs the name of a checkpoint'],
    [`rescue --only vda ${files}`, 'rescue needs the name of a checkpoint'],
    [`rescue a ${files}`, 'rescue needs one disk: --only TARGET'],
    [`rescue a --only vda --only vdb ${files}`, 'rescue needs one disk: --only TARGET'],
    [`delete a --name a ${files}`, 'the name is given twice'],
    ['list --name a', 'list does not take --name'],
    ['tree --dry-run', 'tree does not take --dry-run'],
    ['create --children keep', 'create does not take --children'],
    ['create --frob', "Unknown option '--frob'"],
    [`create --granularity 4k ${files}`, '--granularity takes a whole number, not "4k"'],
    [`create --now 1e400 ${files}`, '--now takes a whole number, not "1e400"'],
    [`create --now 99999999999999999999 ${files}`, '--now takes a whole number, not "99999999999999999999"'],
    [`delete a --children all ${files}`, '--children takes keep, delete or delete-only, not "all"'],
    [`commit --name vda ${files}`, 'commit does not take --name'],
    [`commit ${files}`, 'commit needs a disk by its target'],
    [`copy --mirror n:/f ${files}`, 'copy needs a disk by its target'],
    [`pull ${files}`, 'pull needs a disk by its target'],
    [`pull vda vdb ${files}`, '"vdb" is one argument too many'],
    [`pull vda --top n ${files}`, 'pull does not take --top'],
    [`copy vda ${files}`, 'copy needs --mirror NODE:FILE'],
    [`copy vda --mirror n: ${files}`, '--mirror takes NODE:FILE, or NODE for a node that is there, not "n:"'],
    [`copy vda --mirror :f ${files}`, '--mirror takes NODE:FILE, or NODE for a node that is there, not ":f"'],
    [`copy vda --mirror= ${files}`, '--mirror takes NODE:FILE, or NODE for a node that is there, not ""'],
    [`snapshot vda ${files}`, 'snapshot takes no name'],
    [`snapshot ${files}`, 'snapshot needs --overlay TARGET=NODE:FILE for each disk'],
    ...['vda', 'vda=', '=n:/f', 'vda=n:', 'vda=:/f'].map((overlay) => [
      `snapshot --overlay ${overlay} ${files}`,
      `--overlay takes TARGET=NODE:FILE, or TARGET=NODE for a node that is there, not "${overlay}"`,
    ]),
    ...['description', 'only', 'granularity', 'now'].map((option) => [
      `snapshot --overlay vda=n:/f --${option} 1 ${files}`,
      `snapshot takes --${option} with --checkpoint only`,
    ]),
    ['list --disk vda --block-nodes r.json', '--disk takes TARGET=NODE, not "vda"'],
    ['list --disk =n --block-nodes r.json', '--disk takes TARGET=NODE, not "=n"'],
    ['list --disk vda= --block-nodes r.json', '--disk takes TARGET=NODE, not "vda="'],
    ['list', 'say where the domain is: --block-nodes with --disk, or --domain'],
    ['list --block-nodes r.json', '--block-nodes needs the disks: --disk TARGET=NODE for each'],
    ['list --domain d.json --tree t.json', '--domain goes without --block-nodes, --disk and --tree'],
    ['list --block-nodes - --tree - --disk vda=vda', 'only one of the files can be standard input'],
    ['list --qmp /m', '--qmp and --store go together'],
    ['list --store /s', '--qmp and --store go together'],
    ['list --qmp /m --store /s --tree t.json', '--tree goes without --qmp and --store'],
    [`reconcile ${files}`, 'reconcile needs --qmp and --store'],
    ['verify', 'verify needs the folder that the backups are in'],
    ['verify /b /c', '"/c" is one argument too many'],
    ['verify /b --point a', 'verify does not take --point'],
    ['verify --name a', 'verify does not take --name'],
    ['restore --point a', 'restore needs the folder that the backups are in'],
    ['restore /b --point a', 'restore needs a folder for the images'],
    ['restore /b /o', 'restore needs --point NAME'],
    ['restore /b /o /p --point a', '"/p" is one argument too many'],
    ['restore /b /o --point a --format vmdk', '--format takes qcow2 or raw, not "vmdk"'],
    ['restore /b /o --point a --qmp /m --store /s', 'restore does not take --qmp'],
    [`create --quiesce /a ${files}`, '--quiesce goes with --qmp and --store: on files nothing is ever run'],
    ['delete a --quiesce /a --qmp /q --store /s', 'delete does not take --quiesce'],
    [`create --dry-run ${files}`, '--dry-run goes with --qmp and --store: on files nothing is ever run'],
  ])('"%s" is refused with status 2: %s', async (line, words) => {
    expect(await runOnFiles(line)).toEqual({
      status: 2,
      printed: [],
      complained: [`qemu-checkpoint: ${words}; --help shows what it takes`],
    });
  });

  it.each(['--help', '-h', 'create --help'])('"%s" shows every command and every option', async (line) => {
    const { status, printed, complained } = await runOnFiles(line);
    const text = printed.join('\n');
    expect({ status, complained }).toEqual({ status: 0, complained: [] });
    for (const command of Object.keys(commands)) expect(text).toMatch(new RegExp(`^  ${command} `, 'm'));
    for (const option of Object.keys(known)) expect(text).toMatch(new RegExp(`^ .*--${option}\\b`, 'm'));
  });

  it('"--version" shows the version of the package', async () => {
    const { version } = JSON.parse(await readFile(`${import.meta.dirname}/../../package.json`, 'utf8'));
    expect(await runOnFiles('--version')).toEqual({ status: 0, printed: [version], complained: [] });
  });
});
