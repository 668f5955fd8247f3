/** The command was not called as it is meant to be: exit status 2. */
export class UsageError extends Error {}

export const usage = `Usage: qemu-checkpoint COMMAND [NAME] SOURCE [OPTION]...

Commands
  create [NAME]   print the QMP command that makes a checkpoint
  delete NAME     print the QMP commands that delete one
  list            show the checkpoints by disks, with the bytes changed since each
  tree            show how the checkpoints hang together
  check [NAME]    say which bitmaps cannot be used, and why

Source: what the machine is like; FILE may be - for standard input
  --block-nodes FILE    a reply of query-named-block-nodes
  --disk TARGET=NODE    a disk of it and the node-name of its active layer; once for each disk
  --tree FILE           its checkpoints; none where this is left out
  --domain FILE         or all of this in one file

Options
  --name NAME           the checkpoint, as NAME alone
  --description TEXT    (create) a note for people
  --only TARGET         (create) a disk that takes part; once for each; default: every writable one
  --granularity BYTES   (create) bytes per bit; default: QEMU's choice
  --now SECONDS         (create) creation time since the epoch; default: now
  --children HOW        (delete) keep (default), delete, or delete-only
  --metadata-only       (delete) leave the bitmaps where they are
  --json                print one JSON value, for machines
  --help, --version

Exit status: 0 done, 1 refused (each problem a line on standard error), 2 wrong usage.`;
