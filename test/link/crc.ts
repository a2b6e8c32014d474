/**
 * Redis's CRC64, bit by bit: slow, and too simple to be wrong. Tests use it so that an RDB they make does not
 * depend on the code they test. check("123456789") = 0xe9c6d914c4b8d9ca.
 */
export function slowCrc64(bytes: Uint8Array): bigint {
  let crc = 0n;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ 0x95ac9329ac4bc9b5n : crc >> 1n;
  }
  return crc;
}
