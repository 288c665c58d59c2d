//! Files that something has happened to.

use proptest::sample::Index;

/// Changes of a file: bytes changed, put in, taken out, one of these characters put in their place, or the end cut off.
pub(crate) fn mutated(bytes: &[u8], characters: &[u8], changes: &[(Index, u8, u8)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (place, how, value) in changes {
        if bytes.is_empty() {
            break;
        }
        let at = place.index(bytes.len());
        match how % 5 {
            0 => bytes[at] = *value,
            1 => bytes[at] ^= 1 << (value % 8),
            2 => bytes.insert(at, *value),
            3 => drop(bytes.remove(at)),
            _ if how % 3 == 0 => bytes.truncate(at),
            _ => bytes[at] = characters[usize::from(*value) % characters.len()],
        }
    }
    bytes
}
