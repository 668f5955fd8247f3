import { activeOf, type ModelDisk, type WalkModel } from './model.js';
import type { NewLayer, Operation } from './operations.js';

/** The code that an operation is to be refused with; `undefined` where it is to be done. */
export function refusalOf(model: WalkModel, operation: Operation): string | undefined {
  const diskOf = (diskTarget: string) => model.disks.find((disk) => disk.diskTarget === diskTarget) as ModelDisk;
  const isTaken = ({ diskTarget, nodeName }: NewLayer) => diskOf(diskTarget).layers.includes(nodeName);
  switch (operation.kind) {
    case 'create':
      return model.checkpoints.includes(operation.name) ? 'checkpoint-exists' : undefined;
    case 'delete':
      return model.checkpoints.includes(operation.name) ? undefined : 'checkpoint-not-found';
    case 'snapshot': {
      const { overlays, checkpoint } = operation;
      if (overlays.some(isTaken)) return 'node-name-taken';
      return checkpoint !== undefined && model.checkpoints.includes(checkpoint) ? 'checkpoint-exists' : undefined;
    }
    case 'commit': {
      const { layers } = diskOf(operation.diskTarget);
      const base = layers.indexOf(operation.baseNodeName);
      if (base === -1) return 'layer-not-found';
      return base > layers.indexOf(operation.topNodeName) ? undefined : 'layer-not-below';
    }
    case 'copy':
      return isTaken(operation) ? 'node-name-taken' : undefined;
    case 'pull': {
      const { diskTarget, baseNodeName } = operation;
      const disk = diskOf(diskTarget);
      const base = baseNodeName === undefined ? disk.layers.length : disk.layers.indexOf(baseNodeName);
      return base > disk.layers.indexOf(activeOf(disk)) + 1 ? undefined : 'nothing-to-pull';
    }
    default:
      return undefined;
  }
}
