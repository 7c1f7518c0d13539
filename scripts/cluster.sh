#!/usr/bin/env bash
# A small Slurm cluster on one machine, for tests: real daemons, namespaces as nodes, slow links.
#
# usage: scripts/cluster.sh [--dir DIR] VERB...
#
#   install [--accounting]          what is missing of the packages (Debian, Ubuntu)
#   up [--nodes N] [--inter RATE] [--cpus C] [--gpus G] [--mem MB] [--accounting] [--cgroup]
#      [--conf 'KEY=VALUE']... [--with PID]
#                                   start, or start afresh; default: 2 nodes, links without a
#                                   limit, 4 CPUs, 2 GPUs and 4000 MB each; with PID it goes
#                                   down, and its folder is removed
#   down                            stop everything; safe to repeat
#   exec [--on NODE] COMMAND...     run on the login node, or on NODE
#   env                             for the commands of Slurm anywhere: eval "$(cluster.sh env)"
#   status                          is every daemon alive, and what sinfo says
#   set-rate RATE                   change the speed of every node's link: 200mbit, ..., none
#   kill-node N [--reset] [--now]   power loss: silence (--reset: peers see connections reset);
#                                   slurmctld finds out after half a minute (--now: is told)
#   unplug N | plug N               cut or repair the cable of a node; its processes live on
#   restart-node N                  boot a killed node, or plug it in; back in service at the end
#   drain N | resume N              take a node out of service, or back into it
#   stall | unstall                 slurmctld hangs, or continues
#
# DIR, or $CLUSTER_DIR, is the one folder that holds configuration, logs, spool, key and pid files;
# clusters in different folders do not see each other, and nothing outside of it is changed. Needs
# root. `up` ends with 77, the reason on standard error, if this machine cannot do it.
#
# A node is a process (a tiny init) in its own network, UTS, PID, IPC and mount namespaces: killing
# that one process kills the whole node. Its eth0 is a veth whose other end is on a bridge in the
# namespace "switch"; tbf limits both ends to RATE, traffic inside a node is not limited. The login
# node (slurmctld, munged) is on the same bridge, unlimited. The disk is shared, as over NFS. GPUs
# are null devices: Slurm counts them and nothing else works. Partition "main" preempts "low".
# --accounting adds MariaDB and slurmdbd, for sacct. --cgroup makes --mem a limit, for jobs to end
# OUT_OF_MEMORY; it needs cgroup v1, and one such cluster can be up at a time.
# Functions that `await` polls look unreachable to shellcheck.
# shellcheck disable=SC2317
set -euo pipefail

SELF=$(readlink -f "$0")
NET=10.98.0 # the login node is .1, node I is .(10 + I)

die() { echo "cluster: $*" >&2 && exit 1; }
cannot() { echo "cluster: $*" >&2 && exit 77; }

# ---- namespaces

pid_of() { cat "$DIR/run/$1.pid" 2>/dev/null; }

# Whether the pid file of $1 names a process of ours. The number may have gone to another process
# since; the environment cannot.
alive() {
  local pid
  pid=$(pid_of "$1") && [ -n "$pid" ] \
    && grep -qzxF "CLUSTER_DAEMON_OF=$DIR" "/proc/$pid/environ" 2>/dev/null
}

await() { # SECONDS WHAT COMMAND...
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || die "timed out waiting for $what; see $DIR/log"
    sleep 0.1
  done
}

# With the network and the host name of $1, and our files.
inside() {
  local pid
  pid=$(pid_of "$1") || die "no such node: $1"
  shift
  nsenter -t "$pid" -n -u -- "$@"
}

enter_login() { # replaces this process
  alive login || die "the cluster in $DIR is down"
  exec nsenter -t "$(pid_of login)" -n -u -m --wdns="$PWD" -- "$@"
}
on_login() { (enter_login "$@"); }

# The first process of node $1: it reaps orphans and sleeps until it is killed.
init() {
  local name=$1 pid
  read -r pid _ </proc/self/stat # of the old /proc: our number outside
  hostname "$name"
  mount --bind "$DIR/etc/hosts" /etc/hosts
  mount --bind "$DIR/etc/nsswitch.conf" /etc/nsswitch.conf
  # A new /sys shows this node's devices only; the control groups are carried over into it.
  mount --rbind /sys/fs/cgroup "$DIR/etc/cgroup"
  mount -t sysfs sysfs /sys
  mount --rbind "$DIR/etc/cgroup" /sys/fs/cgroup
  if [[ $name = node* ]]; then
    mount -t proc proc /proc
    mount -t tmpfs tmpfs /dev/shm
  fi
  ip link set lo up
  sysctl -qw net.ipv4.tcp_congestion_control=cubic 2>/dev/null || true
  sysctl -qw net.ipv6.conf.all.disable_ipv6=1 2>/dev/null || true
  echo "$pid" >"$DIR/run/$name.pid"
  exec 0<>"$DIR/run/null.fifo" # never written, so that reading waits for ever
  while :; do read -r _ || sleep 1; done
}

boot() {
  local flags=(--net --uts --mount --fork)
  [[ $1 != node* ]] || flags+=(--pid --ipc)
  rm -f "$DIR/run/$1.pid"
  setsid unshare "${flags[@]}" "$SELF" --dir "$DIR" _init "$1" \
    </dev/null >>"$DIR/log/$1.init.log" 2>&1 &
  await 10 "the namespaces of $1" test -s "$DIR/run/$1.pid"
}

cable() { # NAME LAST_NUMBER_OF_ITS_ADDRESS
  ip link add "p-$1" netns "$(pid_of switch)" mtu 1500 type veth \
    peer name eth0 netns "$(pid_of "$1")"
  inside switch ip link set "p-$1" master br0 up
  inside "$1" ip addr add "$NET.$2/24" dev eth0
  inside "$1" ip link set eth0 up
}

limit() { # NODE RATE
  local end name device
  for end in "switch p-$1" "$1 eth0"; do
    read -r name device <<<"$end"
    inside "$name" tc qdisc del dev "$device" root 2>/dev/null || true
    # Room for two segments of 64 KiB and for 2 ms of a link of 1 Gbit/s.
    [ "$2" = none ] \
      || inside "$name" tc qdisc add dev "$device" root tbf rate "$2" burst 256kb latency 100ms
  done
}

node() {
  [[ ${1-} =~ ^(node)?([0-9]+)$ ]] || die "which node?"
  echo "node${BASH_REMATCH[2]}"
}

nodes() {
  local i
  for ((i = 0; i < NODES; i++)); do echo "node$i"; done
}

# ---- daemons

start_node() {
  boot "$1"
  cable "$1" $((10 + ${1#node}))
  limit "$1" "$RATE"
  mkdir -p "$DIR/spool/$1"
  nsenter -t "$(pid_of "$1")" -a -- setsid slurmd -f "$SLURM_CONF" \
    </dev/null >>"$DIR/log/$1.out" 2>&1
}

# What a newer Slurm no longer knows is left to its default, which is the same in the older.
write_slurm_conf() {
  cat >"$SLURM_CONF" <<CONF
ClusterName=emulated
SlurmctldHost=login($NET.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# cred_expire is also how long a requeued job waits before it can start again.
AuthInfo=socket=$DIR/run/munge.sock,cred_expire=5
StateSaveLocation=$DIR/spool/slurmctld
SlurmdSpoolDir=$DIR/spool/%n
SlurmctldPidFile=$DIR/run/slurmctld.pid
SlurmdPidFile=$DIR/run/slurmd.%n.pid
SlurmctldLogFile=$DIR/log/slurmctld.log
SlurmdLogFile=$DIR/log/%n.log
# One machine plays every node: no control groups, no binding; claimed resources stand.
ProctrackType=proctrack/linuxproc
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=$((MEM / CPUS))
MailProg=/bin/true
# Quick reactions, since tests wait for them.
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=2,sched_interval=5,batch_sched_delay=0
SlurmdTimeout=10
SlurmctldTimeout=10
KillWait=5
# A step that waits for the controller is no reason to drain its node: nobody would resume it.
UnkillableStepTimeout=300
ReturnToService=2
JobRequeue=1
# So long scontrol knows a finished job.
MinJobAge=3600
JobCompType=jobcomp/filetxt
JobCompLoc=$DIR/log/jobcomp.log
# Jobs in "low" are requeued when "main" wants their place.
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
CONF
  local gres=
  if [ "$GPUS" -gt 0 ]; then
    echo GresTypes=gpu >>"$SLURM_CONF"
    gres="Gres=gpu:$GPUS"
    echo "NodeName=node[0-$((NODES - 1))] Name=gpu File=$DIR/dev/gpu[0-$((GPUS - 1))]" \
      >"$DIR/etc/gres.conf"
  fi
  cat >>"$SLURM_CONF" <<CONF
$(printf '%s\n' "${CONF[@]-}")
NodeName=node[0-$((NODES - 1))] CPUs=$CPUS RealMemory=$MEM $gres State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
PartitionName=low Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=1
CONF
}

configure() {
  local i
  mkdir -p "$DIR"/{etc/cgroup,log,run,bin,dev,spool/slurmctld}
  touch "$DIR/.slurm-cluster"
  chmod 755 "$DIR" "$DIR"/*
  mkfifo "$DIR/run/null.fifo"
  (umask 077 && head -c 1024 /dev/urandom >"$DIR/etc/munge.key")
  {
    echo "127.0.0.1 localhost"
    echo "$NET.1 login"
    for ((i = 0; i < NODES; i++)); do echo "$NET.$((10 + i)) node$i"; done
  } >"$DIR/etc/hosts"
  sed 's/^hosts:.*/hosts: files/' /etc/nsswitch.conf >"$DIR/etc/nsswitch.conf"
  for ((i = 0; i < GPUS; i++)); do mknod "$DIR/dev/gpu$i" c 1 3; done
  write_slurm_conf
  printf '%s\n' CgroupPlugin=cgroup/v1 ConstrainRAMSpace=yes >"$DIR/etc/cgroup.conf"
  # shellcheck disable=SC2016
  printf '#!/bin/sh\nexec "%s" --dir "%s" exec "${0##*/}" "$@"\n' "$SELF" "$DIR" \
    >"$DIR/bin/on-login"
  chmod 755 "$DIR/bin/on-login"
  for i in sbatch srun salloc squeue scancel scontrol sinfo sacct sacctmgr sattach sstat; do
    ln -sf on-login "$DIR/bin/$i"
  done
}

start_accounting() {
  local socket=$DIR/run/mariadb.sock
  mariadb-install-db --no-defaults --datadir="$DIR/spool/mariadb" --user=root --skip-test-db \
    --auth-root-authentication-method=normal --innodb-log-file-size=8M \
    >"$DIR/log/mariadb.log" 2>&1
  on_login setsid mariadbd --no-defaults --datadir="$DIR/spool/mariadb" --user=root \
    --innodb-log-file-size=8M --skip-networking --socket="$socket" \
    --pid-file="$DIR/run/mariadb.pid" </dev/null >>"$DIR/log/mariadb.log" 2>&1 &
  await 30 MariaDB mariadb-admin --no-defaults --socket="$socket" ping
  (umask 077 && cat >"$DIR/etc/slurmdbd.conf") <<CONF
DbdHost=login
DbdAddr=$NET.1
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$DIR/run/munge.sock
LogFile=$DIR/log/slurmdbd.log
PidFile=$DIR/run/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm
CONF
  MYSQL_UNIX_PORT=$socket on_login setsid slurmdbd </dev/null >>"$DIR/log/slurmdbd.out" 2>&1
  await 30 slurmdbd on_login sacctmgr -n list cluster
}

# ---- verbs

install() {
  local wanted=(slurm-wlm munge iproute2 util-linux procps) missing=() package
  [ "${1-}" != --accounting ] || wanted+=(slurmdbd mariadb-server)
  for package in "${wanted[@]}"; do
    dpkg -s "$package" 2>/dev/null | grep -q '^Status: install ok' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || cannot "installing ${missing[*]} needs root"
  command -v apt-get >/dev/null || cannot "no apt-get to install ${missing[*]} with"
  # The packages' services must not start; 101 is "forbidden by policy".
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' >$policy && chmod 755 $policy
  fi
  local get=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o Dpkg::Use-Pty=0
    -o Acquire::Retries=3 -o DPkg::Lock::Timeout=600)
  "${get[@]}" update </dev/null >&2 || true
  "${get[@]}" install --no-install-recommends "${missing[@]}" </dev/null >&2 \
    || cannot "installing ${missing[*]} failed"
}

require() { # INSTALL_WORDS PROGRAM...
  local words=$1 program
  shift
  for program in "$@"; do
    command -v "$program" >/dev/null || cannot "no $program; run first: scripts/cluster.sh $words"
  done
}

# Tries what everything else rests on.
require_namespaces() {
  local why
  why=$(unshare --net --uts --mount --pid --ipc --fork sh -c '
    hostname node && mount -t tmpfs tmpfs /dev/shm && ip link add br0 type bridge &&
    ip link add eth0 type veth peer name p && tc qdisc add dev p root tbf rate 1gbit \
      burst 256kb latency 100ms' 2>&1) || cannot "no namespaces with networks here: ${why##*$'\n'}"
}

up() {
  NODES=2 RATE=none CPUS=4 GPUS=2 MEM=4000 CONF=()
  local accounting='' owner=''
  while [ $# -gt 0 ]; do
    case $1 in
      --accounting) accounting=1 && shift && continue ;;
      --cgroup)
        CONF+=(TaskPlugin=task/cgroup ProctrackType=proctrack/cgroup)
        shift && continue
        ;;
      --nodes) NODES=$2 ;;
      --inter) RATE=$2 ;;
      --cpus) CPUS=$2 ;;
      --gpus) GPUS=$2 ;;
      --mem) MEM=$2 ;;
      --conf) CONF+=("$2") ;;
      --with) owner=$2 ;;
      *) die "up: unknown option $1" ;;
    esac
    shift 2
  done
  [ "$(id -u)" = 0 ] || cannot "a cluster needs root"
  require install slurmctld slurmd munged ip tc nsenter
  require_namespaces
  if [ "$accounting" ]; then
    require "install --accounting" slurmdbd mariadbd
    CONF+=(AccountingStorageType=accounting_storage/slurmdbd AccountingStorageHost=login
      "AccountingStoragePass=$DIR/run/munge.sock" AccountingStorageTRES=gres/gpu)
  fi
  # What was there goes, so the folder must be new, empty or one of ours.
  [ -z "$(ls -A "$DIR" 2>/dev/null)" ] || [ -e "$DIR/.slurm-cluster" ] \
    || die "$DIR holds something else"
  down
  rm -rf "${DIR:?}"/{etc,spool,log,run,dev,bin}
  configure
  declare -p NODES RATE >"$DIR/run/settings"
  boot switch
  inside switch ip link add br0 type bridge
  inside switch ip link set br0 up
  boot login
  cable login 1
  on_login munged --force --key-file="$DIR/etc/munge.key" --socket="$DIR/run/munge.sock" \
    --pid-file="$DIR/run/munged.pid" --log-file="$DIR/log/munged.log" \
    --seed-file="$DIR/run/munged.seed" </dev/null
  [ -z "$accounting" ] || start_accounting
  on_login setsid slurmctld -f "$SLURM_CONF" </dev/null >>"$DIR/log/slurmctld.out" 2>&1
  local name
  for name in $(nodes); do start_node "$name"; done
  await 30 "idle nodes" all_idle
  if [ "$owner" ]; then
    setsid "$SELF" --dir "$DIR" _end_with "$owner" </dev/null >/dev/null 2>&1 &
  fi
}

all_idle() { [ "$(on_login sinfo -h -N -p main -t idle -o %N | wc -l)" = "$NODES" ]; }

end_with() {
  tail --pid="$1" -f /dev/null
  down
  rm -rf "${DIR:?}"
}

# Nodes first (with its init the whole node goes), then daemons, the namespaces of login and switch
# last.
down() {
  local file name pid end
  for file in "$DIR"/run/node*.pid \
    "$DIR"/run/{slurmctld,slurmdbd,mariadb,munged,login,switch}.pid; do
    name=$(basename "$file" .pid)
    if alive "$name"; then
      pid=$(pid_of "$name")
      case $name in
        node* | login | switch) kill -KILL "$pid" ;;
        *) kill -TERM "$pid" && kill -CONT "$pid" ;;
      esac
      end=$((SECONDS + 10))
      while alive "$name"; do
        [ $SECONDS -lt $end ] || { kill -KILL "$pid" 2>/dev/null && break; }
        sleep 0.05
      done
    fi
    rm -f "$file"
  done
  find /sys/fs/cgroup/*/slurm_node* -depth -type d -exec rmdir {} + 2>/dev/null || true
}

set_rate() {
  RATE=${1:?which rate?}
  local name
  for name in $(nodes); do
    if alive "$name"; then limit "$name" "$RATE"; fi
  done
  declare -p NODES RATE >"$DIR/run/settings"
}

kill_node() {
  local name
  name=$(node "${1-}")
  shift
  alive "$name" || die "$name is not up"
  [[ " $* " = *" --reset "* ]] || inside switch ip link set "p-$name" down
  kill -KILL "$(pid_of "$name")"
  while alive "$name"; do sleep 0.05; done
  rm -f "$DIR/run/$name.pid"
  [[ " $* " != *" --now "* ]] || on_login scontrol update nodename="$name" state=down reason=killed
}

restart_node() {
  local name
  name=$(node "${1-}")
  if alive "$name"; then
    inside switch ip link set "p-$name" up
  else
    inside switch ip link del "p-$name" 2>/dev/null || true
    start_node "$name"
  fi
  await 30 "$name in service" in_service "$name"
}

in_service() {
  case $(on_login sinfo -h -n "$1" -p main -o %t) in
    idle | mix | alloc) ;;
    *) on_login scontrol update nodename="$1" state=resume && false ;;
  esac
}

status() {
  local name dead=0
  for name in switch login munged slurmctld $(nodes); do
    if alive "$name"; then
      echo "$name: pid $(pid_of "$name")"
    else
      echo "$name: DOWN" && dead=1
    fi
  done
  on_login sinfo -N -l || dead=1
  return $dead
}

run_in() {
  local name
  if [ "${1-}" = --on ]; then
    name=$(node "$2")
    shift 2
    alive "$name" || die "$name is not up"
    exec nsenter -t "$(pid_of "$name")" -a --wdns="$PWD" -- "$@"
  fi
  enter_login "$@"
}

# Called on a node, before a job's ranks start there: its own end of the cable.
links() { # RATE LATENCY_MS
  local rate=$1 delay=()
  [ "$rate" != none ] || rate=$RATE
  tc qdisc del dev eth0 root 2>/dev/null || true
  if [ "$rate" != none ]; then
    tc qdisc add dev eth0 root handle 1: tbf rate "$rate" burst 256kb latency 100ms
    delay=(parent 1:1)
  else
    delay=(root)
  fi
  [ "$2" = 0 ] || tc qdisc add dev eth0 "${delay[@]}" netem delay "$2ms" limit 100000
}

environment() {
  printf 'export %s\n' "CLUSTER_DIR='$DIR'" "SLURM_CONF='$SLURM_CONF'" "PATH='$DIR/bin':\$PATH"
}

main() {
  DIR=${CLUSTER_DIR:-${TMPDIR:-/tmp}/xp-cluster}
  if [ "${1-}" = --dir ]; then DIR=$2 && shift 2; fi
  local verb=${1-help} descriptor
  [ $# = 0 ] || shift
  DIR=$(readlink -m "$DIR")
  export CLUSTER_DIR=$DIR SLURM_CONF=$DIR/etc/slurm.conf XP_SET_LINKS=$SELF # see [launch.links]
  PATH=${PATH//"$DIR/bin:"/} # else the commands in there would call themselves
  # The daemons must not keep files of the caller open: a pipe would never end.
  for descriptor in "/proc/$$/fd/"*; do
    descriptor=${descriptor##*/}
    [ "$verb" = exec ] || [ "$descriptor" -le 2 ] || [ "$descriptor" = 255 ] \
      || eval "exec $descriptor>&-"
  done
  NODES=0 RATE=none
  # shellcheck disable=SC1091
  [ ! -f "$DIR/run/settings" ] || . "$DIR/run/settings"
  case $verb in
    install) install "$@" ;;
    up | restart-node)
      export CLUSTER_DAEMON_OF=$DIR # marks what these two start, see `alive`
      if [ "$verb" = up ]; then up "$@"; else restart_node "$@"; fi
      ;;
    down) down ;;
    exec) run_in "$@" ;;
    env) environment ;;
    status) status ;;
    set-rate) set_rate "$@" ;;
    kill-node) kill_node "$@" ;;
    unplug) inside switch ip link set "p-$(node "${1-}")" down ;;
    plug) inside switch ip link set "p-$(node "${1-}")" up ;;
    drain) enter_login scontrol update nodename="$(node "${1-}")" state=drain reason=test ;;
    resume) enter_login scontrol update nodename="$(node "${1-}")" state=resume ;;
    stall) kill -STOP "$(pid_of slurmctld)" ;;
    unstall) kill -CONT "$(pid_of slurmctld)" ;;
    _init) init "$1" ;;
    _links) links "$@" ;;
    _end_with) end_with "$1" ;;
    *)
      sed -n '2,/^# Functions/{/^# Functions/d;s/^# \{0,1\}//p}' "$SELF"
      [ "$verb" = help ]
      ;;
  esac
}

# Read whole before it runs: the file may change while a node lives.
main "$@"; exit
