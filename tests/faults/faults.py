#!/usr/bin/env python3
"""Trains the us_flights job while processes of it are killed at random moments, and checks that no
sample is lost or counted twice, that nobody but the killed is started anew, and how soon a killed
server serves again.

With --scale=1: 200 kills of workers, 100 of servers (each named kill point at least 5 times, and 5
with their disk), 50 of the scheduler, 10 processes held for longer than their lease, and a server
that wakes up after it was replaced. Other scales: that many times as many, each kind at least once.
"""

import argparse
import json
import math
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime

SERVERS = 3
WORKERS = 8
DEAD_AFTER_S = 4
KILL_POINTS = ["before_append", "after_append", "before_apply", "in_flush", "in_checkpoint"]
SCHEDULER_KILL_POINTS = ["before_manifest_rename", "after_manifest_rename"]
SETTLE_S = 60  # for a process to be there again


class Job:
    """A run of `caravan train` and the processes that its launcher has started."""

    def __init__(self, caravan, directory, epochs):
        self.caravan = caravan
        self.run = os.path.join(directory, "run")
        self.kill_points = os.path.join(directory, "kill_points")
        os.makedirs(self.kill_points)
        self.output_path = os.path.join(directory, "train.log")
        self.output = open(self.output_path, "w", encoding="utf-8")
        settings = [f"training.epochs={epochs}", "training.evaluate_every_epochs=5",
                    "checkpoint.every_seconds=5", f"cluster.dead_after_ms={DEAD_AFTER_S * 1000}",
                    "cluster.heartbeat_ms=500", "cluster.block_batches_max=8",
                    "worker.request_timeout_ms=1000"]
        self.process = subprocess.Popen(
            [caravan, "train", "--job=conf/us_flights/job.txtpb", f"--run={self.run}",
             f"--workers={WORKERS}", f"--servers={SERVERS}", "--lanes=2",
             *[f"--set={setting}" for setting in settings]],
            stdout=self.output, stderr=subprocess.STDOUT,
            env={**os.environ, "CARAVAN_KILL_POINTS": self.kill_points})

    def is_over(self):
        return self.process.poll() is not None

    def members(self):
        """name -> pid of the launcher's living children, by the word behind `caravan` and number."""
        found = {}
        try:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                      encoding="ascii") as file:
                pids = [int(pid) for pid in file.read().split()]
        except OSError:
            return found
        workers = 0
        for pid in pids:
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().decode().split("\0")
            except OSError:
                continue
            if len(words) < 2:
                continue
            name = words[1]
            if name == "server":
                listen = next(word for word in words if word.startswith("--listen="))
                name = os.path.basename(listen)
                self.endpoint = next(w for w in words if w.startswith("--scheduler="))
                self.run_id = next(w for w in words if w.startswith("--run_id="))
            elif name == "worker":
                name = f"worker-{workers}"
                workers += 1
            found[name] = pid
        return found

    def status(self):
        answer = subprocess.run([self.caravan, "status", self.endpoint, "--json"],
                                capture_output=True, text=True, timeout=30, check=False)
        return json.loads(answer.stdout) if answer.returncode == 0 else None

    def wait_until(self, condition, what, seconds=SETTLE_S):
        end = time.time() + seconds
        while time.time() < end:
            if self.is_over():
                raise Failure(f"the run ended while waiting for {what}")
            value = condition()
            if value:
                return value
            time.sleep(0.1)
        raise Failure(f"waited {seconds} s for {what}")

    def server_log(self, name):
        with open(f"{self.run}/log/{name}.log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def ready_times(self, name):
        """When the server was ready, by its log, seconds since 1970."""
        times = []
        for line in self.server_log(name).splitlines():
            match = re.match(r"I(\d{8} \d\d:\d\d:\d\d\.\d{6}) .* is ready", line)
            if match:
                times.append(datetime.strptime(match.group(1), "%Y%m%d %H:%M:%S.%f").timestamp())
        return times

    def training(self):
        status = self.status()
        return status is not None and status["phase"] in ("training", "evaluating") and all(
            member["doing"] != "lost" for member in status["members"])


class Failure(Exception):
    pass


class Faults:
    def __init__(self, job, rng):
        self.job = job
        self.rng = rng
        self.kills = {"worker": 0, "server": 0, "scheduler": 0}
        self.holds = 0
        self.points = {}
        self.disks_lost = 0
        self.recoveries = []
        self.extra_exits = 0  # of servers that left by themselves since they were replaced

    def kill(self, name):
        pid = self.job.members().get(name)
        if pid is None:
            return None
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        self.kills[name.split("-")[0]] += 1
        return time.time()

    def await_server(self, name, killed_at):
        def ready():
            later = [t for t in self.job.ready_times(name) if t > killed_at]
            return later[0] if later else None
        self.recoveries.append(self.job.wait_until(ready, f"{name} to serve again") - killed_at)

    def kill_server(self, name, lose_disk=False):
        if lose_disk:
            # Nothing can hold the folder between the kill and its removal but the dead.
            pid = self.job.members().get(name)
            os.kill(pid, signal.SIGSTOP)
            shutil.rmtree(f"{self.job.run}/state/server-{int(name.split('-')[1]):03}")
            self.disks_lost += 1
        killed_at = self.kill(name)
        if killed_at is not None:
            self.await_server(name, killed_at)

    def kill_at_point(self, name, point, passing):
        """Arms `point` for the next start of `name`, kills it once so that it starts, and waits until
        it has died at the point and is back."""
        path = f"{self.job.kill_points}/{name}"
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(f"{point}:{passing}")
        os.rename(path + ".new", path)
        before = self.job.members().get(name)
        if self.kill(name) is None:
            return
        armed = self.job.wait_until(
            lambda: (not os.path.exists(path) and self.job.members().get(name) not in (None, before)
                     and self.job.members().get(name)), f"{name} to start with {point}")
        self.job.wait_until(lambda: self.job.members().get(name) not in (armed,),
                            f"{name} to die at {point}", 240)
        self.kills[name.split("-")[0]] += 1
        self.points[point] = self.points.get(point, 0) + 1
        died_at = time.time()
        if name == "scheduler":
            self.job.wait_until(self.job.status, "the scheduler to answer")
        else:
            self.await_server(name, died_at - 0.2)

    def hold(self, name):
        """Holds a process for longer than its lease."""
        pid = self.job.members().get(name)
        if pid is None:
            return
        os.kill(pid, signal.SIGSTOP)
        time.sleep(DEAD_AFTER_S * 1.5)
        os.kill(pid, signal.SIGCONT)
        self.holds += 1
        self.job.wait_until(self.job.training, f"the run to go on after {name} was held")

    def replace_held_server(self, directory):
        """While a server is held another takes its place; the first wakes up and must leave."""
        name = f"server-{self.rng.randrange(SERVERS)}"
        pid = self.job.members()[name]
        os.kill(pid, signal.SIGSTOP)
        log_path = os.path.join(directory, "substitute.log")
        with open(log_path, "w", encoding="utf-8") as log:
            substitute = subprocess.Popen(
                [self.job.caravan, "server", self.job.endpoint, self.job.run_id,
                 f"--listen={directory}/s", f"--state={directory}/substitute"],
                stdout=log, stderr=subprocess.STDOUT)
        try:
            def serves():
                with open(log_path, encoding="utf-8", errors="replace") as log:
                    return "is ready" in log.read()
            self.job.wait_until(serves, "the substitute to serve")
            self.job.wait_until(self.job.training, "the run to go on with the substitute")
            os.kill(pid, signal.SIGCONT)
            self.job.wait_until(lambda: pid not in self.job.members().values(),
                                f"{name}, which was replaced, to leave")
            self.extra_exits += 1
            if "does not know server" not in self.job.server_log(name):
                raise Failure(f"{name} was replaced and left without saying why")
            time.sleep(3)
        finally:
            substitute.kill()
            substitute.wait()
        self.holds += 1
        self.job.wait_until(self.job.training, f"{name} to take its place again")


def schedule(scale, rng):
    """What is done, in a random order."""
    def times(count):
        return max(1, math.ceil(count * scale))
    actions = [("worker", None)] * times(200) + [("scheduler", None)] * times(36)
    for point in KILL_POINTS:
        actions += [("server_point", point)] * times(6)
    for point in SCHEDULER_KILL_POINTS:
        actions += [("scheduler_point", point)] * times(6)
    actions += [("server", None)] * times(36) + [("disk", None)] * times(5)
    actions += [("hold_worker", None)] * times(5) + [("hold_server", None)] * times(5)
    actions += [("replace", None)] * times(1)
    rng.shuffle(actions)
    return actions


def act(faults, kind, point, directory):
    rng = faults.rng
    server = f"server-{rng.randrange(SERVERS)}"
    worker = f"worker-{rng.randrange(WORKERS)}"
    if kind == "worker":
        # One that dies within 10 s of its start, again and again, is given up by the launcher.
        time.sleep(1.5)
        faults.kill(worker)
    elif kind == "scheduler":
        faults.kill("scheduler")
        faults.job.wait_until(faults.job.status, "the scheduler to answer")
    elif kind == "server":
        faults.kill_server(server)
    elif kind == "disk":
        faults.kill_server(server, lose_disk=True)
    elif kind == "server_point":
        passing = 1 if point in ("in_flush", "in_checkpoint") else rng.randrange(1, 200)
        faults.kill_at_point(server, point, passing)
    elif kind == "scheduler_point":
        faults.kill_at_point("scheduler", point, 1)
    elif kind == "hold_worker":
        faults.hold(worker)
    elif kind == "hold_server":
        faults.hold(server)
    else:
        faults.replace_held_server(directory)


def check_restarts(faults, output):
    """Whoever was started anew had been killed by us, or had been replaced."""
    killed = len(re.findall(r"ended by signal 9 ", output))
    others = [line for line in output.splitlines()
              if "started anew" in line and "signal 9" not in line]
    expected = sum(faults.kills.values())
    if killed != expected:
        raise Failure(f"{killed} processes ended by SIGKILL, {expected} were killed")
    if len(others) != faults.extra_exits:
        raise Failure(f"others were started anew too: {others}")


def check_ledger(job):
    epochs = 0
    with open(f"{job.run}/metrics.jsonl", encoding="utf-8") as file:
        for text in file:
            line = json.loads(text)
            if line.get("kind") != "epoch":
                continue
            if line["epoch"] != epochs:
                raise Failure(f"epoch {line['epoch']} is told where {epochs} was expected")
            epochs += 1
            wrong = [n for n in line["ledger"] if n != line["ledger_expected"]]
            if wrong or not line["ledger"] or line["ledger_expected"] == 0:
                raise Failure(f"epoch {line['epoch']}: shards applied {wrong}, the set has "
                              f"{line['ledger_expected']}")
    if epochs == 0:
        raise Failure("no epoch was completed")
    verified = subprocess.run([job.caravan, "checkpoint", "verify", f"--run={job.run}", "--json"],
                              capture_output=True, text=True, check=False)
    if verified.returncode != 0:
        raise Failure(f"caravan checkpoint verify: {verified.stderr.strip()}")
    return epochs, json.loads(verified.stdout)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recovery_max", type=float, default=5,
                        help="seconds from kill to ready that 99 of 100 servers may take")
    parser.add_argument("--only", default="", help="kinds of faults, parted by commas; empty: all")
    parser.add_argument("--keep", action="store_true", help="keep the run's folder")
    parser.add_argument("caravan", nargs="?", default="build/release/caravan")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    directory = tempfile.mkdtemp(prefix="caravan-faults-")
    job = Job(os.path.realpath(arguments.caravan), directory, epochs=100000)
    faults = Faults(job, rng)
    began = time.time()
    failure = None
    try:
        job.wait_until(lambda: os.path.exists(f"{job.run}/log/worker-0.log"), "the run to begin", 300)
        job.wait_until(lambda: "scheduler" in job.members() and job.training(), "training", 300)
        only = set(filter(None, arguments.only.split(",")))
        for kind, point in schedule(arguments.scale, rng):
            if only and kind not in only:
                continue
            time.sleep(rng.uniform(0.05, 1.0))
            if job.is_over():
                raise Failure("the run ended")
            print(f"[{time.time() - began:6.1f} s] {kind} {point or ''}", flush=True)
            act(faults, kind, point, directory)
        done = job.wait_until(job.status, "the status")["epoch"]
        job.wait_until(lambda: (job.status() or {}).get("epoch", 0) > done, "another epoch", 600)
        job.process.send_signal(signal.SIGINT)
        job.process.wait(timeout=300)
        with open(job.output_path, encoding="utf-8", errors="replace") as file:
            check_restarts(faults, file.read())
        epochs, checkpoint = check_ledger(job)
        recoveries = faults.recoveries
        p50, p99 = percentile(recoveries, 0.5), percentile(recoveries, 0.99)
        print(f"faults: killed {faults.kills}, at points {faults.points}, disks lost "
              f"{faults.disks_lost}, held {faults.holds}, in {time.time() - began:.0f} s")
        print(f"faults: {epochs} epochs, lost 0, counted twice 0; checkpoint "
              f"{checkpoint['checkpoints'][-1]['checkpoint']} verified")
        print(f"faults: {len(recoveries)} servers served again after p50 {p50:.2f} s, p99 {p99:.2f} "
              f"s, longest {max(recoveries):.2f} s")
        if p99 > arguments.recovery_max:
            raise Failure(f"p99 is above {arguments.recovery_max} s")
    except (Failure, subprocess.TimeoutExpired) as error:
        failure = error
    finally:
        if not job.is_over():
            job.process.kill()
            job.process.wait()
    if failure is None:
        if not arguments.keep:
            shutil.rmtree(directory, ignore_errors=True)
        return 0
    print(f"faults: FAILED (seed {arguments.seed}): {failure}; all of it is in {directory}")
    subprocess.run(["tail", "-n", "5", job.output_path], check=False)
    return 1


if __name__ == "__main__":
    sys.exit(main())
