//! The rotary embedding: its base and the stretching of its frequencies.

use serde_json::{Map, Value};

use super::fields::Fields;

/// How the frequencies of the rotary embedding are stretched beyond the trained context.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum RopeScaling {
    /// As trained.
    None,
    /// All positions divided by `factor`.
    Linear {
        /// At least 1.
        factor: f32,
    },
    /// Llama 3's rule: low frequencies divided by `factor`, high ones kept, smooth between.
    Llama3 {
        /// At least 1.
        factor: f32,
        /// Wavelengths longer than the original context over this are stretched.
        low_freq_factor: f32,
        /// Wavelengths shorter than the original context over this are kept.
        high_freq_factor: f32,
        /// Context length of the original training, in tokens.
        original_max_position: usize,
    },
}

impl RopeScaling {
    pub(super) fn stretch(self, frequency: f64) -> f64 {
        match self {
            Self::None => frequency,
            Self::Linear { factor } => frequency / f64::from(factor),
            Self::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position } => {
                let (factor, low, high) =
                    (f64::from(factor), f64::from(low_freq_factor), f64::from(high_freq_factor));
                // How many turns this pair makes within the original context.
                let turns = original_max_position as f64 * frequency / std::f64::consts::TAU;
                let kept = ((turns - low) / (high - low)).clamp(0.0, 1.0);
                frequency * (kept + (1.0 - kept) / factor)
            }
        }
    }
}

/// Base and scaling, in the spelling of either generation: `rope_theta` beside `rope_scaling`, or both within
/// `rope_parameters`.
pub(super) fn read_rope(fields: &mut Fields<'_>, max_position: usize) -> (f32, RopeScaling) {
    let newer = fields.object("rope_parameters");
    let older = fields.object("rope_scaling");
    let outer_theta = read_theta(fields);
    let Some((name, object)) =
        newer.map(|object| ("rope_parameters", object)).or(older.map(|object| ("rope_scaling", object)))
    else {
        return (outer_theta.unwrap_or(DEFAULT_THETA), RopeScaling::None);
    };
    let mut inner = Fields::new(object);
    let theta = read_theta(&mut inner).or(outer_theta).unwrap_or(DEFAULT_THETA);
    let scaling = read_scaling(&mut inner, object, max_position);
    fields.absorb(inner, name);
    (theta, scaling)
}

const DEFAULT_THETA: f32 = 10_000.0;

fn read_theta(fields: &mut Fields<'_>) -> Option<f32> {
    refuse_partial_rotation(fields);
    fields.number("rope_theta", "a number above 1", |theta| theta > 1.0)
}

fn refuse_partial_rotation(fields: &mut Fields<'_>) {
    if fields.number("partial_rotary_factor", "1", |factor| factor == 1.0).is_none()
        && fields.get("partial_rotary_factor").is_some()
    {
        fields.fault("heads that are rotated in part are not supported");
    }
}

fn read_scaling(fields: &mut Fields<'_>, object: &Map<String, Value>, max_position: usize) -> RopeScaling {
    if object.values().any(Value::is_object) {
        fields.fault("rotary settings that differ between layers are not supported");
        return RopeScaling::None;
    }
    let kind = fields.text("rope_type").or_else(|| fields.text("type")).unwrap_or("default");
    match kind {
        "default" => RopeScaling::None,
        "linear" => RopeScaling::Linear { factor: required(fields, "factor", 1.0) },
        "llama3" => read_llama3(fields, max_position),
        other => {
            fields.fault(format!(
                "rotary scaling `{other}` is not supported (default, linear and llama3 are); take the scaling out of \
                 `config.json` to use the model within its original context"
            ));
            RopeScaling::None
        }
    }
}

fn read_llama3(fields: &mut Fields<'_>, max_position: usize) -> RopeScaling {
    let factor = required(fields, "factor", 1.0);
    let low_freq_factor = required(fields, "low_freq_factor", f32::MIN_POSITIVE);
    let high_freq_factor = required(fields, "high_freq_factor", f32::MIN_POSITIVE);
    if low_freq_factor >= high_freq_factor {
        fields.fault(format!(
            "`high_freq_factor` ({high_freq_factor}) must be above `low_freq_factor` ({low_freq_factor})"
        ));
    }
    let original_max_position = fields.size("original_max_position_embeddings").unwrap_or(max_position);
    RopeScaling::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_position }
}

fn required(fields: &mut Fields<'_>, key: &str, least: f32) -> f32 {
    let before = fields.get(key).is_some();
    let range = if least == 1.0 { "a number of at least 1" } else { "a number above 0" };
    let number = fields.number(key, range, |number| number >= least);
    if !before {
        fields.fault(format!("`{key}` is missing"));
    }
    number.unwrap_or(1.0)
}
