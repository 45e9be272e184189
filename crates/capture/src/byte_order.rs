/// The order of a file's numbers. A field that lies beyond the end of `bytes` reads as 0: the walkers check lengths
/// before they trust a field, and none of these can panic.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum ByteOrder {
    #[default]
    Little,
    Big,
}

impl ByteOrder {
    pub(crate) fn u16(self, bytes: &[u8], at: usize) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(field(bytes, at)),
            Self::Big => u16::from_be_bytes(field(bytes, at)),
        }
    }

    pub(crate) fn u32(self, bytes: &[u8], at: usize) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(field(bytes, at)),
            Self::Big => u32::from_be_bytes(field(bytes, at)),
        }
    }

    pub(crate) fn i64(self, bytes: &[u8], at: usize) -> i64 {
        match self {
            Self::Little => i64::from_le_bytes(field(bytes, at)),
            Self::Big => i64::from_be_bytes(field(bytes, at)),
        }
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 0x88];
        assert_eq!((ByteOrder::Little.u16(&bytes, 1), ByteOrder::Big.u16(&bytes, 1)), (0x0302, 0x0203));
        assert_eq!((ByteOrder::Little.u32(&bytes, 0), ByteOrder::Big.u32(&bytes, 0)), (0x0403_0201, 0x0102_0304));
        assert!(ByteOrder::Little.i64(&bytes, 0) < 0 && ByteOrder::Big.i64(&bytes, 0) > 0);
    }

    #[test]
    fn beyond_the_end_is_zero() {
        assert_eq!(ByteOrder::Big.u32(&[1, 2, 3], 0), 0);
        assert_eq!(ByteOrder::Big.u16(&[1, 2, 3], usize::MAX), 0);
    }
}
