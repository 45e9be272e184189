//! Text of the page: escaped, numbers as people read them, times.

use std::fmt::{self, Display, Write};

/// Text that is no markup, in content and in quoted attributes.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in HTML, and of no use to anybody.
            control if control.is_control() => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// JSON that can stand in a script element: nothing in it ends the element or begins a comment.
pub(crate) fn json_in_script(json: &str) -> String {
    // Outside of strings JSON has none of these letters.
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// `12,345`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 packet`, `12 packets`.
pub(crate) fn count(value: u64, what: &str) -> String {
    format!("{} {what}{}", number(value), if value == 1 { "" } else { "s" })
}

/// A part of a whole: `6.9 %`. Little is not nothing.
pub(crate) fn share(part: u64, whole: u64) -> String {
    if part > 0 && part.saturating_mul(2000) < whole {
        return "under 0.1 %".to_owned();
    }
    format!("{:.1} %", 100.0 * part as f64 / whole.max(1) as f64)
}

/// A number of the summary, marked with where it stands there: `packets.in`. Points in keys are escaped with `\`.
pub(crate) fn marked(key: &[&str], value: u64) -> String {
    marked_text(key, &number(value))
}

/// Likewise a number with one decimal.
pub(crate) fn marked_tenths(key: &[&str], value: f64) -> String {
    let shown = format!("{value:.1}");
    let (whole, tenths) = shown.split_once('.').unwrap_or((&shown, "0"));
    // What is counted is not negative, and less than 2⁶⁴.
    marked_text(key, &format!("{}.{tenths}", number(whole.parse().unwrap_or_default())))
}

fn marked_text(key: &[&str], shown: &str) -> String {
    let mut path = String::new();
    for part in key {
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(&part.replace('\\', "\\\\").replace('.', "\\."));
    }
    format!("<span data-key=\"{}\">{shown}</span>", escaped(&path))
}

/// Shortened to so many letters, the last of them an ellipsis.
pub(crate) fn shortened(text: &str, letters: usize) -> String {
    if text.chars().count() <= letters {
        return text.to_owned();
    }
    let mut out: String = text.chars().take(letters.saturating_sub(1)).collect();
    out.push('…');
    out
}

/// Milliseconds since the epoch as UTC: `2025-01-10 08:00:00.125`, the fraction where there is one.
pub(crate) struct Utc(pub(crate) u64);

impl Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0 / DAY);
        write!(f, "{year:04}-{month:02}-{day:02} {}", Clock(self.0))
    }
}

/// The time of day of that.
pub(crate) struct Clock(pub(crate) u64);

impl Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, fraction) = (self.0 % DAY / 1000, self.0 % 1000);
        write!(f, "{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        if fraction > 0 { write!(f, ".{fraction:03}") } else { Ok(()) }
    }
}

/// Milliseconds of a day.
const DAY: u64 = 86_400_000;

/// Year, month and day of a day since the epoch, in the Gregorian calendar.
fn date(days: u64) -> (u64, u64, u64) {
    // Years begin in March, so that the leap day is the last one; eras of 400 years are alike.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (date, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    (era * 400 + year + u64::from(month <= 2), month, date)
}

/// How long something takes, in milliseconds: `200 ms`, `12.5 s`, `2 h 5 min`.
pub(crate) fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    let mut out = String::new();
    if seconds == 0 {
        return format!("{milliseconds} ms");
    }
    if seconds < 60 {
        let tenths = milliseconds / 100 % 10;
        let tenths = if tenths > 0 { format!(".{tenths}") } else { String::new() };
        return format!("{seconds}{tenths} s");
    }
    let parts = [(seconds / 86_400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    // The two largest say enough.
    for (value, unit) in parts.iter().skip_while(|(value, _)| *value == 0).take(2).filter(|(value, _)| *value > 0) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{}{value} {unit}", if out.is_empty() { "" } else { " " });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let shares = [(0, 9), (1, 55_000), (1, 1000), (3, 9), (9, 9), (0, 0)].map(|(part, whole)| share(part, whole));
        assert_eq!(shares, ["0.0 %", "under 0.1 %", "0.1 %", "33.3 %", "100.0 %", "0.0 %"]);
        let numbers = [0, 12, 123, 1234, 1_234_567].map(number);
        assert_eq!(numbers, ["0", "12", "123", "1,234", "1,234,567"]);
        assert_eq!((count(1, "packet"), count(2000, "packet")), ("1 packet".to_owned(), "2,000 packets".to_owned()));
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(Utc(0).to_string(), "1970-01-01 00:00:00");
        assert_eq!(Utc(1_736_500_000_125).to_string(), "2025-01-10 09:06:40.125");
        assert_eq!(Utc(951_782_399_000).to_string(), "2000-02-28 23:59:59");
        assert_eq!(Utc(951_782_400_000).to_string(), "2000-02-29 00:00:00");
        assert_eq!(Utc(1_709_251_200_000).to_string(), "2024-03-01 00:00:00");
    }

    #[test]
    fn durations_have_two_units() {
        let texts = [7, 1000, 12_540, 60_000, 7_500_000, 90_000_000].map(duration);
        assert_eq!(texts, ["7 ms", "1 s", "12.5 s", "1 min", "2 h 5 min", "1 d 1 h"]);
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(escaped("<a b='c' d=\"e\">&\u{0}"), "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;\u{fffd}");
        let json = json_in_script("{\"a\":\"</script><!--&\"}");
        assert_eq!(json, "{\"a\":\"\\u003c/script\\u003e\\u003c!--\\u0026\"}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["a"], "</script><!--&");
        assert_eq!(marked(&["nat", "aws_nat.a"], 1234), "<span data-key=\"nat.aws_nat\\.a\">1,234</span>");
        assert_eq!(marked_tenths(&["nat"], 1234.5), "<span data-key=\"nat\">1,234.5</span>");
        assert_eq!(shortened("instance", 5), "inst…");
    }
}
