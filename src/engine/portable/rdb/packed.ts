/**
 * Blobs inside an RDB (listpacks, ziplists, intsets, zipmaps) and where their errors are.
 *
 * The readers of packed forms know offsets in their own blob only, and that blob may have been compressed; the
 * reader of a log wants the position in the file. So errors pass through here: the offset becomes the blob's, the
 * inner one goes into the text.
 */
import { RedtwinError } from '../../../errors.ts';

/** Runs a reader of a blob that begins at `offset` in the RDB. */
export function unpacked<T>(offset: number, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof RedtwinError)) throw cause;
    const where = cause.offset === undefined ? '' : ` (at its byte ${cause.offset})`;
    throw new RedtwinError(cause.code, `${cause.message}${where}`, { cause, offset });
  }
}
