//! Where models inside this process compute.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ModelSpec;

/// Where an embedded model computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Device {
    /// The CPU.
    #[default]
    Cpu,
    /// The first NVIDIA GPU, in programs built with the feature `cuda`.
    Cuda,
}

/// How an embedded model multiplies on a GPU. Sums are f32 in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Precision {
    /// In f32.
    #[default]
    F32,
    /// On tensor cores, with factors cut to 11 significant bits.
    Tf32,
    /// On tensor cores, with factors rounded to bfloat16.
    Bf16,
}

/// Why a model cannot compute there, with what to write instead.
pub(super) fn faults(spec: &ModelSpec) -> impl Iterator<Item = String> {
    let asked = spec.device.is_some() || spec.precision.is_some();
    let remote = (asked && spec.provider != "embedded").then(|| {
        let provider = &spec.provider;
        format!("device and precision are for embedded models: leave them out with provider `{provider}`")
    });
    #[cfg(feature = "embedded")]
    let here = fault(spec.device.unwrap_or_default(), spec.precision.unwrap_or_default());
    #[cfg(not(feature = "embedded"))]
    let here = None;
    remote.into_iter().chain(here)
}

/// Why this program cannot compute so.
#[cfg(feature = "embedded")]
pub(crate) fn fault(device: Device, precision: Precision) -> Option<String> {
    match (device, precision) {
        (Device::Cuda, _) if !cfg!(feature = "cuda") => {
            Some(agentscope_tuner_policy::device::WITHOUT_GPUS.into())
        }
        (Device::Cpu, Precision::Tf32 | Precision::Bf16) => {
            Some("precision is for GPUs, the CPU computes in f32: leave it out, or set device to cuda".into())
        }
        _ => None,
    }
}

#[cfg(feature = "embedded")]
mod embedded {
    use agentscope_tuner_policy::device;

    use super::{Device, Precision};

    impl From<Device> for device::DeviceKind {
        fn from(device: Device) -> Self {
            match device {
                Device::Cpu => Self::Cpu,
                Device::Cuda => Self::Cuda,
            }
        }
    }

    impl From<Precision> for device::Precision {
        fn from(precision: Precision) -> Self {
            match precision {
                Precision::F32 => Self::F32,
                Precision::Tf32 => Self::Tf32,
                Precision::Bf16 => Self::Bf16,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(table: &str) -> Vec<String> {
        toml::from_str::<ModelSpec>(table).unwrap().faults()
    }

    #[test]
    fn what_cannot_compute_there_is_refused() {
        let remote = faults_of("provider = \"openai\"\nname = \"m\"\ndevice = \"cpu\"");
        assert!(remote.len() == 1 && remote[0].contains("are for embedded models"), "{remote:?}");
        if cfg!(feature = "embedded") {
            let cpu = faults_of("provider = \"embedded\"\npath = \"m\"\nprecision = \"bf16\"");
            assert!(cpu.len() == 1 && cpu[0].contains("the CPU computes in f32"), "{cpu:?}");
            let gpu =
                faults_of("provider = \"embedded\"\npath = \"m\"\ndevice = \"cuda\"\nprecision = \"bf16\"");
            assert_eq!(gpu.is_empty(), cfg!(feature = "cuda"), "{gpu:?}");
        }
        let unknown = toml::from_str::<ModelSpec>("provider = \"embedded\"\ndevice = \"gpu\"").unwrap_err();
        assert!(unknown.to_string().contains("`cpu` or `cuda`"), "{unknown}");
    }
}
