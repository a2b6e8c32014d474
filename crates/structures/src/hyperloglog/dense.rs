//! Dense registers: 6 bits each, packed from the least significant bit, so that three bytes hold four registers.
//!
//! ```text
//!   byte 0    byte 1    byte 2
//!  11000000  22221111  33333322     the digit is the register
//! ```

/// Register `index`. 0 beyond the end.
pub fn get(registers: &[u8], index: usize) -> u8 {
    let (byte, shift) = (index * 6 / 8, index * 6 % 8);
    let low = registers.get(byte).copied().unwrap_or(0);
    let high = registers.get(byte + 1).copied().unwrap_or(0);
    ((u16::from_le_bytes([low, high]) >> shift) & 63) as u8
}

/// Sets register `index` to the lower 6 bits of `register`. Nothing happens beyond the end.
pub fn set(registers: &mut [u8], index: usize, register: u8) {
    let (byte, shift) = (index * 6 / 8, index * 6 % 8);
    let keep = !(63_u16 << shift).to_le_bytes()[0];
    let bits = (u16::from(register & 63) << shift).to_le_bytes();
    if let Some(low) = registers.get_mut(byte) {
        *low = *low & keep | bits[0];
    }
    if shift > 2
        && let Some(high) = registers.get_mut(byte + 1)
    {
        *high = *high & !(63_u16 << shift).to_le_bytes()[1] | bits[1];
    }
}

/// All registers in order.
pub fn iter(registers: &[u8]) -> impl Iterator<Item = u8> + '_ {
    registers.as_chunks::<3>().0.iter().flat_map(|&[a, b, c]| {
        let four = u32::from_le_bytes([a, b, c, 0]);
        [0, 6, 12, 18].map(|shift| (four >> shift & 63) as u8)
    })
}

/// Adds every register to the count of its value.
pub fn histogram(registers: &[u8], histogram: &mut [u32; 64]) {
    for register in iter(registers) {
        histogram[usize::from(register)] += 1;
    }
}
