/**
 * Waits for something, but not for ever: what hangs is a fault, and says where it was.
 *
 * @param where - What was going on when the time was over.
 */
export async function withinTime<T>(milliseconds: number, work: Promise<T>, where: () => string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it hangs${where()}`)), milliseconds);
  });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
