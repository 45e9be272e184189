//! What folders and files of a bucket are called (9.16-9.19).

use vpcemu_model::LogFileFormat;

use crate::record::Text;

/// How the files of one flow log lie in a bucket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The account that owns the flow log.
    pub account: Text,
    /// Its region.
    pub region: Text,
    /// Its id, `fl-...`.
    pub flow_log: Text,
    /// Whether folders are named as Hive does: `year=2025` (9.18).
    pub hive_compatible: bool,
    /// Whether there is a folder an hour, or a day.
    pub per_hour: bool,
    /// What the files are.
    pub file_format: LogFileFormat,
}

/// Seconds whose records are in the same files (9.19).
pub(super) const SLOT: u64 = 300;

impl Layout {
    /// The folder of the files of a slot, which begins at a time in seconds since the epoch: `AWSLogs/...`, without a slash at
    /// its end.
    pub fn folder(&self, slot: u64) -> String {
        let Date { year, month, day, hour, .. } = Date::of(slot);
        let (account, region) = (component(&self.account), component(&self.region));
        let hour_folder = |name: &str| if self.per_hour { format!("/{name}{hour:02}") } else { String::new() };
        match self.hive_compatible {
            true => format!(
                "AWSLogs/aws-account-id={account}/aws-service=vpcflowlogs/aws-region={region}/year={year:04}/\
                 month={month:02}/day={day:02}{}",
                hour_folder("hour=")
            ),
            false => format!("AWSLogs/{account}/vpcflowlogs/{region}/{year:04}/{month:02}/{day:02}{}", hour_folder("")),
        }
    }

    /// The name of a file of a slot, of which there may be several: `hash` tells them apart.
    pub fn name(&self, slot: u64, hash: u32) -> String {
        let suffix = match self.file_format {
            LogFileFormat::PlainText => "log.gz",
            LogFileFormat::Parquet => "log.parquet",
        };
        format!("{}_{hash:08x}.{suffix}", self.stem(slot))
    }

    /// What the names of all files of a slot begin with.
    pub(super) fn stem(&self, slot: u64) -> String {
        let Date { year, month, day, hour, minute } = Date::of(slot);
        let (account, region) = (component(&self.account), component(&self.region));
        let flow_log = component(&self.flow_log);
        format!("{account}_vpcflowlogs_{region}_{flow_log}_{year:04}{month:02}{day:02}T{hour:02}{minute:02}Z")
    }
}

/// Text as one piece of a path: ids may be addresses of Terraform, with brackets and quotes, or anything that a file says.
fn component(text: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || "-_.=".contains(c) { c } else { '_' };
    match text.chars().map(keep).collect::<String>() {
        name if name.is_empty() => "_".to_owned(),
        name if name.starts_with('.') => format!("_{name}"),
        name => name,
    }
}

/// A time of the Gregorian calendar, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Date {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
}

impl Date {
    /// Of seconds since 1970.
    fn of(time: u64) -> Self {
        let (days, seconds) = (time / 86_400, time % 86_400);
        // Eras of 400 years that begin on March 1 of the year 0, so that leap days come last.
        let days = days + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        // Months of 153 days in fives, from March.
        let from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
        let year = 400 * era + year_of_era + u64::from(month <= 2);
        Self { year, month, day, hour: seconds / 3600, minute: seconds % 3600 / 60 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Layout {
        Layout {
            account: "123456789012".into(),
            region: "us-east-1".into(),
            flow_log: "fl-1234abcd".into(),
            hive_compatible: false,
            per_hour: false,
            file_format: LogFileFormat::PlainText,
        }
    }

    /// 2018-06-20 16:20:00, of the documentation's example.
    const TIME: u64 = 1_529_511_600;

    #[test]
    fn folders_are_those_of_the_documentation() {
        let plain = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2018/06/20";
        assert_eq!(layout().folder(TIME), plain);
        assert_eq!(Layout { per_hour: true, ..layout() }.folder(TIME), format!("{plain}/16"));
        let hive = Layout { hive_compatible: true, ..layout() };
        let folder = "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2018/month=06/day=20";
        assert_eq!(hive.folder(TIME), folder);
        assert_eq!(Layout { per_hour: true, ..hive }.folder(TIME), format!("{folder}/hour=16"));
    }

    #[test]
    fn names_are_those_of_the_documentation() {
        let stem = "123456789012_vpcflowlogs_us-east-1_fl-1234abcd_20180620T1620Z";
        assert_eq!(layout().stem(TIME), stem);
        assert_eq!(layout().name(TIME, 0xab), format!("{stem}_000000ab.log.gz"));
        let parquet = Layout { file_format: LogFileFormat::Parquet, ..layout() };
        assert_eq!(parquet.name(TIME, 0xab), format!("{stem}_000000ab.log.parquet"));
    }

    #[test]
    fn no_id_leaves_the_folder() {
        let wild = Layout { account: "../..".into(), region: "".into(), flow_log: "a/b\\c[\"d\"]".into(), ..layout() };
        assert_eq!(wild.folder(0), "AWSLogs/_.._../vpcflowlogs/_/1970/01/01");
        assert!(wild.name(0, 0).starts_with("_.._.._vpcflowlogs___a_b_c__d___19700101T0000Z_"));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (time, date) in [
            (0, (1970, 1, 1, 0, 0)),
            (951_782_399, (2000, 2, 28, 23, 59)),
            (951_782_400, (2000, 2, 29, 0, 0)),
            (951_868_800, (2000, 3, 1, 0, 0)),
            (1_735_689_599, (2024, 12, 31, 23, 59)),
            (4_107_542_400, (2100, 3, 1, 0, 0)),
        ] {
            let Date { year, month, day, hour, minute } = Date::of(time);
            assert_eq!((year, month, day, hour, minute), date);
        }
    }
}
