/** What differs from one recording to the next without meaning anything, made the same: folder, sizes on disk, times. */
export function scrub(message: unknown, folder: string): unknown {
  const text = JSON.stringify(message, (member, value: unknown) => {
    if (member === 'actual-size') return 0;
    if (member === 'timestamp') return { seconds: 0, microseconds: 0 };
    return value;
  });
  return JSON.parse(text.replaceAll(folder, '/images'));
}
