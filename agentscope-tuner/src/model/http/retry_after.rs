//! When an endpoint asks to be called again.

use std::time::{Duration, SystemTime};

use reqwest::header::HeaderMap;

/// The longest wait that is believed; a header that says more is taken for this.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The wait that the headers of a refusal ask for, most precise header first.
///
/// Understands `retry-after-ms`, `retry-after` (seconds or an HTTP date) and OpenAI's
/// `x-ratelimit-reset-{requests,tokens}` (such as `6m0.5s`), the latter where nothing remains.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let wait = text("retry-after-ms")
        .and_then(|ms| seconds(ms, 1e-3))
        .or_else(|| text("retry-after").and_then(|value| seconds(value, 1.0).or_else(|| until(value, now))))
        .or_else(|| ["requests", "tokens"].into_iter().filter_map(|what| exhausted(what, &text)).max())?;
    Some(wait.min(LONGEST))
}

fn seconds(text: &str, unit: f64) -> Option<Duration> {
    let value: f64 = text.parse().ok()?;
    (value >= 0.0).then(|| Duration::try_from_secs_f64(value * unit).unwrap_or(LONGEST))
}

fn until(date: &str, now: SystemTime) -> Option<Duration> {
    let then = httpdate::parse_http_date(date).ok()?;
    Some(then.duration_since(now).unwrap_or_default())
}

fn exhausted<'a>(what: &str, text: &impl Fn(&str) -> Option<&'a str>) -> Option<Duration> {
    match text(&format!("x-ratelimit-remaining-{what}")) {
        Some(remaining) if remaining != "0" => None,
        _ => text(&format!("x-ratelimit-reset-{what}")).and_then(duration),
    }
}

/// Reads `1h2m3.5s`, `20ms` or a bare number of seconds.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    if let Some(bare) = seconds(text, 1.0) {
        return Some(bare);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            _ => return None,
        };
        total = total.saturating_add(seconds(number, unit)?);
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn read(pairs: &[(&'static str, &str)]) -> Option<Duration> {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()));
        // The example date of RFC 9110, 10.2.3, less 90 seconds.
        let now = httpdate::parse_http_date("Fri, 31 Dec 1999 23:58:29 GMT").unwrap();
        retry_after(&pairs.collect(), now)
    }

    #[test]
    fn seconds_dates_and_milliseconds_are_read() {
        assert_eq!(read(&[("retry-after", "120")]), Some(Duration::from_secs(120)));
        assert_eq!(read(&[("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT")]), Some(Duration::from_secs(90)));
        assert_eq!(
            read(&[("retry-after", "2"), ("retry-after-ms", "1500")]),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(read(&[("retry-after", "Fri, 31 Dec 1999 00:00:00 GMT")]), Some(Duration::ZERO));
    }

    #[test]
    fn nonsense_is_no_wait_and_ages_are_cut() {
        for text in ["soon", "-3", "NaN", ""] {
            assert_eq!(read(&[("retry-after", text)]), None, "{text}");
        }
        assert_eq!(read(&[("retry-after", "1e300")]), Some(LONGEST));
    }

    #[test]
    fn only_the_exhausted_window_counts() {
        let both = [
            ("x-ratelimit-remaining-requests", "59"),
            ("x-ratelimit-reset-requests", "6m0s"),
            ("x-ratelimit-remaining-tokens", "0"),
            ("x-ratelimit-reset-tokens", "1m2.5s"),
        ];
        assert_eq!(read(&both), Some(Duration::from_millis(62_500)));
        assert_eq!(duration("20ms"), Some(Duration::from_millis(20)));
        assert_eq!(duration("3 days"), None);
    }
}
