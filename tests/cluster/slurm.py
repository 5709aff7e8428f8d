"""A SLURM of two virtual nodes on this machine, in a folder and on ports of its own.

Needs Debian's slurm-wlm and munge, and root. Nothing of a SLURM that the machine has is touched.
"""
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

PROGRAMS = ("slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel", "munged")
NODES = "n1", "n2"

CONF = """\
ClusterName=facekp
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=15
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory,CR_LLN
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=2
JobAcctGatherParams=OverMemoryKill
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=15
KillWait=10
MessageTimeout=20
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=4 RealMemory=20000
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=4 RealMemory=20000
PartitionName=short Nodes=n1,n2 Default=YES State=UP
"""


def missing():
    """Why there can be no SLURM here, in one line; None if it can be tried."""
    lacking = [name for name in PROGRAMS if shutil.which(name) is None]
    if lacking:
        return f"{', '.join(lacking)}: not installed; on Debian, apt install slurm-wlm munge"
    return None if os.getuid() == 0 else "SLURM's daemons need root"


def free_ports(count):
    """Ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Slurm:
    """The daemons. Use it with ``with``: they end with the block.

    Parameters
    ----------
    folder : Path, an empty one with a short name: a socket's name has 107 characters at most
    """

    def __init__(self, folder):
        self.folder, self.processes = Path(folder), {}
        host = socket.gethostname().split(".")[0]
        (self.folder / "slurm.conf").write_text(
            CONF.format(host=host, folder=folder, ports=free_ports(3)))
        for name in ("state", *NODES):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        self.environ = {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def __enter__(self):
        try:
            self._start("munged", "--foreground", "--force", *(
                f"--{name}={self.folder}/munge.{end}" for name, end in (
                    ("key-file", "key"), ("socket", "socket"), ("pid-file", "pid"),
                    ("log-file", "log"), ("seed-file", "seed"))))
            self._until(lambda: (self.folder / "munge.socket").exists(), "munged does not start")
            self.start_controller()
            for node in NODES:
                self.start_node(node)
            self._until(lambda: self.ask("sinfo", "-h", "-o", "%T %D") == "idle 2",
                        "the nodes do not come up")
            self.ask("srun", "--ntasks=1", "true")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        with suppress(RuntimeError, subprocess.TimeoutExpired):
            self.ask("scancel", "--user", "root")
            self._until(lambda: not self.ask("squeue", "-h"), "jobs do not end")
        for process in reversed(list(self.processes.values())):
            if process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(20)
                process.kill()
                process.wait()
            with suppress(ProcessLookupError):  # munged has a child
                os.killpg(process.pid, signal.SIGKILL)

    def start_controller(self):
        self._start("slurmctld", "-D", "-f", self.environ["SLURM_CONF"])

    def start_node(self, node):
        self._start("slurmd", "-D", "-N", node, "-f", self.environ["SLURM_CONF"], name=node)

    def stop(self, name, number=signal.SIGKILL):
        """Send a signal to a daemon: "slurmctld", "n1" or "n2"; return when it has ended."""
        self.processes[name].send_signal(number)
        self.processes[name].wait(60)

    def ask(self, *command):
        """What one of SLURM's commands prints."""
        done = subprocess.run(command, env={**os.environ, **self.environ}, timeout=120,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _start(self, program, *arguments, name=None):
        with open(self.folder / f"{name or program}.out", "ab") as out:
            self.processes[name or program] = subprocess.Popen(
                [program, *arguments], env={**os.environ, **self.environ}, stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, start_new_session=True)

    def _until(self, holds, words, seconds=60):
        for _ in range(2 * seconds):
            with suppress(RuntimeError):
                if holds():
                    return
            time.sleep(0.5)
        logs = [path.read_text(errors="replace").strip().splitlines()[-1:]
                for path in self.folder.glob("*.out")]
        raise RuntimeError(f"{words}: {'; '.join(line for log in logs for line in log)}")
