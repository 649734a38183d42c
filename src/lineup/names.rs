//! Finding the name somebody meant.

/// The known name nearest to `name`, when it is near enough to be meant.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &&str| strsim::damerau_levenshtein(name, known);
    let (best, distance) = known.into_iter().map(|k| (k, distance(&k))).min_by_key(|(_, d)| *d)?;
    (distance <= name.len().max(best.len()).div_ceil(2)).then_some(best)
}

/// `; did you mean ...?`, or nothing.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["group", "bit_rate_kbps", "slice_bytes"];
        assert_eq!(nearest("grup", known), Some("group"));
        assert_eq!(nearest("bit_rate", known), Some("bit_rate_kbps"));
        assert_eq!(nearest("payload-size", known), None);
    }
}
