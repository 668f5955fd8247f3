import type { Command } from '../action.js';
import { backingFilenameFor } from '../check/new-image.js';
import type { CreateJob } from '../job.js';
import { jobIdOf } from '../job-id.js';
import { fileNodeNameOf, type ImageBelow, type NewImage } from '../model/new-image.js';
import type { Step } from './plan.js';

/** The steps that make a raw image, full of zeros, and open it. Undone, it is closed; its file stays. */
export function rawImageSteps(diskTarget: string, image: NewImage, virtualSize: number): readonly Step[] {
  const { nodeName, filename } = image;
  const fileNodeName = fileNodeNameOf(image);
  const create = { driver: 'file', filename, size: virtualSize };
  return [
    ...createSteps(fileNodeName, create, `Make the file "${filename}" of ${virtualSize} bytes for disk ${diskTarget}`),
    openFileStep(fileNodeName, filename),
    addStep(
      { kind: 'node-add', nodeName, format: 'raw', virtualSize, filename, fileNodeName },
      `Open the image as node "${nodeName}", which the guest does not use.`,
    ),
  ];
}

/** The steps that make an image and open it. Undone, it is closed; its file stays. */
export function newImageSteps(diskTarget: string, image: NewImage, below: ImageBelow): readonly Step[] {
  const { nodeName, filename, clusterSize } = image;
  const { virtualSize, backing, opened, fleeting } = below;
  const fileNodeName = fileNodeNameOf(image);
  const header = backing === undefined || fleeting ? undefined : backingFilenameFor(image, backing);
  const format = {
    driver: 'qcow2',
    file: fileNodeName,
    size: virtualSize,
    ...(backing !== undefined && header !== undefined && { 'backing-file': header, 'backing-fmt': backing.format }),
    ...(clusterSize !== undefined && { 'cluster-size': clusterSize }),
  };
  const backingNodeName = opened ? (backing?.nodeName ?? null) : null;
  return [
    ...createSteps(fileNodeName, { driver: 'file', filename, size: 0 }, `Make the file "${filename}"`),
    openFileStep(fileNodeName, filename),
    ...createSteps(nodeName, format, `Write an empty qcow2 image of ${virtualSize} bytes for disk ${diskTarget} to it`),
    addStep(
      {
        kind: 'node-add',
        nodeName,
        format: 'qcow2',
        virtualSize,
        ...(clusterSize !== undefined && { clusterSize }),
        filename,
        fileNodeName,
        backingNodeName,
      },
      `Open the image as node "${nodeName}", which the guest does not use yet.`,
    ),
  ];
}

function createSteps(nodeName: string, options: CreateJob['options'], why: string): readonly Step[] {
  const job: CreateJob = { kind: 'create', jobId: jobIdOf('create', nodeName), options };
  return [
    { command: { kind: 'job-start', job }, why: `${why}.`, undo: { kind: 'job-cancel', job } },
    { command: { kind: 'job-wait', job, until: 'concluded' }, why: 'Wait until that is done.' },
    { command: { kind: 'job-dismiss', job }, why: 'Forget the job that did it.' },
  ];
}

function openFileStep(nodeName: string, filename: string): Step {
  return addStep(
    { kind: 'node-add', nodeName, format: 'file', virtualSize: 0, filename, options: { filename } },
    `Open it as node "${nodeName}".`,
  );
}

function addStep(command: Command & { readonly kind: 'node-add' }, why: string): Step {
  return { command, why, undo: { kind: 'node-remove', nodeName: command.nodeName } };
}
