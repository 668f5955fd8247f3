import { activeOf, began, deleted, dropped, type ModelDisk, overlaid, type WalkModel } from './model.js';
import type { CheckpointOperation, LayerOperation } from './operations.js';

/** What an operation that was done has changed. */
export function note(model: WalkModel, operation: CheckpointOperation | LayerOperation): void {
  const diskOf = (diskTarget: string) => model.disks.find((disk) => disk.diskTarget === diskTarget) as ModelDisk;
  switch (operation.kind) {
    case 'create':
      began(model, operation.name, operation.diskTargets);
      return;
    case 'delete': {
      const { name, children } = operation;
      const place = model.checkpoints.indexOf(name);
      const first = children === 'delete-only' ? place + 1 : place;
      deleted(model, model.checkpoints.slice(first, children === 'keep' ? place + 1 : undefined));
      return;
    }
    case 'snapshot': {
      const { overlays, checkpoint } = operation;
      for (const { diskTarget, nodeName, prepared } of overlays) overlaid(diskOf(diskTarget), nodeName, prepared);
      const all = model.disks.map(({ diskTarget }) => diskTarget);
      if (checkpoint !== undefined) began(model, checkpoint, all);
      return;
    }
    case 'commit': {
      const { diskTarget, topNodeName, baseNodeName } = operation;
      const disk = diskOf(diskTarget);
      dropped(disk, disk.layers.indexOf(topNodeName), disk.layers.indexOf(baseNodeName), baseNodeName);
      return;
    }
    case 'copy': {
      const { diskTarget, nodeName, prepared, shallow } = operation;
      const disk = diskOf(diskTarget);
      overlaid(disk, nodeName, prepared);
      dropped(disk, 1, shallow ? 2 : disk.layers.length, nodeName);
      return;
    }
    case 'pull': {
      const { diskTarget, baseNodeName } = operation;
      const disk = diskOf(diskTarget);
      const to = baseNodeName === undefined ? disk.layers.length : disk.layers.indexOf(baseNodeName);
      dropped(disk, 1, to, activeOf(disk));
      return;
    }
  }
}

/** What one that was cut off leaves: nothing, but for a base. */
export function noteCutOff(model: WalkModel, operation: CheckpointOperation | LayerOperation, version: string): void {
  if (operation.kind !== 'commit' || version !== '7.2') return;
  const { diskTarget, topNodeName, baseNodeName } = operation;
  const disk = model.disks.find((each) => each.diskTarget === diskTarget) as ModelDisk;
  if (topNodeName === activeOf(disk)) disk.leftOpen.add(baseNodeName);
}
