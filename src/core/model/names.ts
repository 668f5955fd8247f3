/** Whether a value may name a checkpoint: letters, digits, `_`, `-` and `.`, not starting with a dot (libvirt's pattern). */
export function isCheckpointName(value: unknown): value is string {
  return typeof value === 'string' && /^[a-zA-Z0-9_-][a-zA-Z0-9_.-]*$/.test(value);
}

/**
 * Whether a value may name a new bitmap: 1 to 1023 bytes of UTF-8 without control characters.
 *
 * QEMU counts bytes although its text says characters, and accepts control characters, NUL among them. Such a name
 * breaks logs, shells and tools that list bitmaps line by line, so none is made here. What Unicode keeps from ever being a
 * character (U+FFFF, U+FDD0, …) QEMU takes for broken UTF-8.
 */
export function isBitmapName(value: unknown): value is string {
  return isObservedBitmapName(value) && !/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u.test(value);
}

/** Whether QEMU can show a bitmap of this name: 1 to 1023 bytes of UTF-8, whatever they are. */
export function isObservedBitmapName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && isWithinBytes(value, 1023);
}

/** Whether a value may be a node-name: 1 to 31 bytes of UTF-8. */
export function isNodeName(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && isWithinBytes(value, 31);
}

/** Whether QEMU takes a value as the name of a new node: a letter, then letters, digits, `-`, `.` and `_`; at most 31. */
export function isNewNodeName(value: unknown): value is string {
  return typeof value === 'string' && /^[a-zA-Z][a-zA-Z0-9._-]{0,30}$/.test(value);
}

/** Whether QEMU made this node-name up itself, because the node was added without one. */
export function isGeneratedNodeName(nodeName: string): boolean {
  return nodeName.startsWith('#');
}

/**
 * Whether a value may name a backup: 1 to 200 bytes as a part of a URI (`encodeURIComponent`), without control characters. Its
 * manifest's file is called so.
 */
export function isBackupName(value: unknown): value is string {
  if (typeof value !== 'string' || value === '' || /[\p{Cc}\p{Cs}]/u.test(value)) return false;
  return encodeURIComponent(value).length <= 200;
}

/** The length of a text in bytes of UTF-8. */
export function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

function isWithinBytes(text: string, limit: number): boolean {
  // One UTF-16 unit becomes at most three bytes, so most names need no encoding to be judged.
  return text.length * 3 <= limit || (text.length <= limit && utf8Length(text) <= limit);
}
