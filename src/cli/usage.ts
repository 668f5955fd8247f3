/** The command was not called as it is meant to be: exit status 2. */
export class UsageError extends Error {}

export const usage = `Usage: qemu-checkpoint COMMAND [NAME] SOURCE [OPTION]...

Commands
  create [NAME]   make a checkpoint
  delete NAME     delete one
  list            show the checkpoints by disks, with the bytes changed since each
  tree            show how the checkpoints hang together
  check [NAME]    say which bitmaps cannot be used, and why
  reconcile       finish or take back what a crash left half done

Source: a running QEMU, on which create and delete are run
  --qmp ADDRESS         its monitor: a UNIX socket's path, or HOST:PORT
  --store DIR           where its checkpoints are kept
  --disk TARGET=NODE    a disk and the node-name of its active layer; once for each disk
                        default: every device that QEMU has; a storage daemon has none
  --dry-run             print the plan with its reasons, and send nothing

Source: files, for which create and delete print the QMP commands; FILE may be - for standard input
  --block-nodes FILE    a reply of query-named-block-nodes, with --disk for each disk
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
  --layers              (list) show which layers have each bitmap
  --json                print one JSON value, for machines
  --help, --version

Exit status: 0 done, 1 refused (each problem a line on standard error), 2 wrong usage.`;
