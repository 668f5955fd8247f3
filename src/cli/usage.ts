/** The command was not called as it is meant to be: exit status 2. */
export class UsageError extends Error {}

export const usage = `Usage: qemu-checkpoint COMMAND [NAME | TARGET] SOURCE [OPTION]...
       qemu-checkpoint backup KIND DIR SOURCE [OPTION]...
       qemu-checkpoint restore DIR OUT --point NAME [OPTION]...
       qemu-checkpoint verify DIR

Commands
  create [NAME]   make a checkpoint
  delete NAME     delete one
  snapshot        let the guest go on in overlays, and every checkpoint with it
  commit TARGET   move the data of layers of a disk down into a lower one
  copy TARGET     copy a disk while it is in use; the guest goes on with the copy
  pull TARGET     move the data of lower layers of a disk up into the active one
  rescue NAME     make a checkpoint whole again on a disk whose layers have lost its bitmap
  list            show the checkpoints by disks, with the bytes changed since each
  tree            show how the checkpoints hang together
  check [NAME]    say which bitmaps cannot be used, and why
  reconcile       finish or take back what a crash left half done
  backup KIND DIR back disks up into a folder that QEMU sees too; KIND: auto, what a nightly job
                  runs: each disk since the newest checkpoint that is good, or in full;
                  full; or inc, since the newest checkpoint or not at all
  restore DIR OUT make images in the folder OUT of disks as a backup in DIR shows them
  verify DIR      list the backups in a folder, and say which of them cannot be restored

Source: a running QEMU, on which what changes something is run
  --qmp ADDRESS         its monitor: a UNIX socket's path, or HOST:PORT
  --store DIR           where its checkpoints are kept
  --disk TARGET=NODE    a disk and the node-name of its active layer; once for each disk
                        default: every device that QEMU has; a storage daemon has none
                        a snapshot, a commit or a copy may change the active layer, and says so
  --dry-run             print the plan with its reasons, and send nothing

Source: files, for which the QMP commands are printed; FILE may be - for standard input
  --block-nodes FILE    a reply of query-named-block-nodes, with --disk for each disk
  --tree FILE           its checkpoints; none where this is left out
  --domain FILE         or all of this in one file

Options
  --name NAME           the checkpoint, as NAME alone
  --layers              (list) show which layers have each bitmap
  --json                print one JSON value, for machines
  --help, --version

Options of create, and of snapshot with --checkpoint
  --description TEXT    a note for people
  --only TARGET         a disk that takes part; once for each; default: every writable one
  --granularity BYTES   bytes per bit; default: QEMU's choice
  --now SECONDS         creation time since the epoch; default: now

Option of create and snapshot
  --quiesce SOCKET      freeze the guest's file systems by its agent for that instant

Option of rescue
  --only TARGET         the disk

Options of delete
  --children HOW        keep (default), delete, or delete-only
  --metadata-only       leave the bitmaps where they are

Options of snapshot, commit, copy and pull; a FILE that is made is named from the root on
  --overlay TARGET=NODE:FILE
                        (snapshot) a disk, and the node and the file that are made for it;
                        once for each disk; TARGET=NODE: a node that is there
  --checkpoint NAME     (snapshot) a checkpoint that begins at the same instant
  --top NODE            (commit) the uppermost layer that goes; default: the active one
  --base NODE           (commit) the layer that takes the data; default: the lowest one
                        (pull) the layer that stays below; default: none
  --mirror NODE:FILE    (copy) the node and the file that are made; NODE: one that is there
  --shallow             (copy) only the active layer, onto what it stands on
  --end-checkpoints     (commit, copy, pull) go on where that ends checkpoints on the disk

Options of backup
  --name NAME           of the backup and its checkpoint; default: the time
  --only TARGET         a disk; once for each; default: every writable one
  --machine NAME        what the manifests call the virtual machine; default: domain
  --mode MODE           push (default), by QEMU itself; or pull, read over NBD
  --socket PATH         (pull) where QEMU listens meanwhile; default: in DIR
  --fleecing            (pull) read the disk itself, and of the scratch image what was overwritten;
                        QEMU 10.0 and later
  --speed BYTES         (push) copy at most so many a second
  --compress            (push) compress what is copied
  --sha256              keep the sum of each file in the manifest
  --keep-others         where one disk fails, keep the backup of the others
  --quiesce SOCKET      freeze the guest's file systems by its agent for the instant

Options of restore; DIR is only read
  --point NAME          the backup
  --only TARGET         a disk; once for each; default: all of that backup
  --format FORMAT       of the images: qcow2 (default) or raw
  --overwrite           replace images that are there, once the new ones are whole
  --dry-run             print the qemu-img commands, and run nothing

Exit status: 0 done, 1 refused (each problem a line on standard error), 2 wrong usage.`;
