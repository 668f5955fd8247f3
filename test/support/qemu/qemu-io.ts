import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { RunningQemu } from './start-qemu.js';

/** A qemu-io that stays connected and takes one command after the other. */
export interface QemuIo {
  /** Runs commands and settles when the last has been answered; refuses where one of them failed. */
  execute(commands: readonly string[]): Promise<void>;
  quit(): Promise<void>;
}

const prompt = 'qemu-io> ';

/** Opens an image; when the QEMU that it belongs to ends, so does it. */
export function qemuIo({ qemu, exited, output }: RunningQemu, image: string): QemuIo {
  const child = spawn(qemu.io, ['-f', 'raw', image], { stdio: ['pipe', 'pipe', 'pipe'] });
  const closed = once(child, 'close');
  void exited.then(() => child.kill('SIGKILL'));
  // A command that finds it gone is told so below.
  child.stdin.on('error', () => undefined);
  let said = '';
  let complaint = '';
  let wake = (): void => undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    wake();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint += text;
  });
  let gone = false;
  void closed.then(() => {
    gone = true;
    wake();
  });

  async function answer(): Promise<string> {
    for (;;) {
      const end = said.indexOf(prompt);
      if (end !== -1) {
        const text = said.slice(0, end);
        said = said.slice(end + prompt.length);
        return text;
      }
      if (gone) throw new Error(`qemu-io has ended: ${said}${complaint} (QEMU: ${output.stderr.trim()})`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }

  // It asks for the first command once it has opened the image.
  const ready = answer();
  ready.catch(() => undefined);
  return {
    async execute(commands) {
      await ready;
      for (const command of commands) {
        // One at a time: it forgets to look whether more lines have come with the first.
        child.stdin.write(`${command}\n`);
        const said = await answer();
        if (said.includes('failed')) throw new Error(`qemu-io: ${command}: ${said}(QEMU: ${output.stderr.trim()})`);
      }
    },
    async quit() {
      child.stdin.end('quit\n');
      await closed;
    },
  };
}
