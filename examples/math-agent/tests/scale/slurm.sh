#!/bin/sh
# A Slurm cluster of this machine alone, in the directory $1, for as long as something is there to read.
# Says `ready` when it takes jobs; `SLURM_CONF=$1/slurm.conf sbatch …` sends them.
set -eu
cd "$1"
place=$(pwd) host=$(hostname -s)
mkdir -p state spool munge
chmod 755 . munge
head -c 1024 /dev/urandom > munge/key
chmod 400 munge/key
munged --foreground --key-file="$place/munge/key" --socket="$place/munge/socket" --pid-file="$place/munge/pid" \
    --seed-file="$place/munge/seed" --log-file="$place/munge/log" > munged.out 2>&1 &
munge=$!
cat > slurm.conf <<EOF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmUser=root
AuthInfo=socket=$place/munge/socket
SlurmctldPort=$((20000 + $$ % 10000))
SlurmdPort=$((30000 + $$ % 10000))
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MailProg=/bin/true
NodeName=$host NodeAddr=127.0.0.1 CPUs=4
PartitionName=all Nodes=ALL Default=YES
EOF
export SLURM_CONF="$place/slurm.conf"
until [ -S munge/socket ]; do sleep 0.1; done
slurmctld -D > slurmctld.log 2>&1 &
control=$!
slurmd -D > slurmd.log 2>&1 &
node=$!
trap 'kill $node $control $munge 2> /dev/null || true' EXIT
until sinfo --noheader --format %T 2> /dev/null | grep -q idle; do sleep 0.2; done
echo ready
cat > /dev/null
