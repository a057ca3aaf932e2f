//! The numbers of training steps as lines of JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// One object a step: `step`, and each number by its name; null where it was not finite.
pub fn json_lines(steps: &BTreeMap<u64, BTreeMap<String, f64>>) -> String {
    let line = |(step, values): (&u64, &BTreeMap<String, f64>)| {
        let mut object = Map::from_iter([("step".to_owned(), Value::from(*step))]);
        object.extend(values.iter().map(|(name, value)| (name.clone(), Value::from(*value))));
        format!("{}\n", Value::Object(object))
    };
    steps.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_a_step() {
        let steps = BTreeMap::from([
            (3, BTreeMap::from([("reward".to_owned(), 0.5), ("kl".to_owned(), f64::NAN)])),
            (4, BTreeMap::new()),
        ]);
        assert_eq!(json_lines(&steps), "{\"step\":3,\"kl\":null,\"reward\":0.5}\n{\"step\":4}\n");
    }
}
