//! Capture files in and out: pcap and pcapng, compressed or not, tolerant of what the wild holds and precise about damage.
//!
//! A [`Reader`] gives records one by one until the end or the first damage; [`Merge`] puts several captures in order of
//! time; [`PcapWriter`] and [`PcapngWriter`] write. There is nothing of packets' insides in here, and nothing of VPCs.
//!
//! ```
//! use vpcemu_capture::{LinkType, PcapWriter, Reader};
//!
//! let mut writer = PcapWriter::new(Vec::new(), LinkType::RAW)?;
//! writer.write(1_700_000_000_000_000_001, 3, b"abc")?;
//! let file = writer.finish()?;
//! let mut reader = Reader::from_read("memory", std::io::Cursor::new(file))?;
//! let record = reader.next()?.expect("one record was written");
//! assert_eq!((record.number, record.timestamp_ns, record.data), (1, 1_700_000_000_000_000_001, &b"abc"[..]));
//! assert!(reader.next()?.is_none());
//! # Ok::<(), vpcemu_capture::Error>(())
//! ```

mod byte_order;
mod error;
mod format;
mod input;
mod link_type;
mod merge;
mod pcap;
mod pcapng;
mod reader;
mod record;
mod walk;
mod warning;
mod writer;

pub use error::Error;
pub use format::Format;
pub use link_type::LinkType;
pub use merge::Merge;
pub use reader::Reader;
pub use record::{Direction, Interface, Record};
pub use warning::{Oddity, Warning};
pub use writer::{PcapWriter, PcapngWriter};
