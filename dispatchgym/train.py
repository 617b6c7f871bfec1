"""`python train.py PROBLEM`: train a policy on generated instances."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from dispatchgym.instances.errors import InputError

if TYPE_CHECKING:
    from dispatchgym.agents.trainer import TrainConfig

DESCRIPTION = """Train a policy; its folder works as a method of evaluate.py (policy@OUT, policy@OUT:x128).

examples:
  python train.py jobshop --minutes 10
  python train.py jobshop --minutes 60 --out runs/long --seed 1        (stop it any time, then the same with --resume)
  python train.py jobshop --steps 500 --learner self-label --sizes 6x6 10x10
  python train.py jobshop --minutes 20 --imitate tabu:0.2s --imitate-steps 50
  python train.py blocking --minutes 20 --imitate sa:iterations=3000 --imitate-steps 150      (swaps allowed)
  python train.py blocking --minutes 20 --no-swap --down-share 0 0.05 0.1 0.2
  python train.py blocking --minutes 20 --initial runs/old --advantage gae --keep 0 --samples 8 --minibatches 8
  python train.py soc --preset gym-ds3-5 --minutes 20
  python train.py static-dag --minutes 20 --sizes 20x8 40x8 60x8      (tasks x PEs)
  python train.py memory-pack --minutes 20 --sizes 100 200      (buffers)

The run keeps policy.safetensors and policy.json (weights and what they are), training.safetensors (for --resume) and
log.jsonl (one line each --log-every) in its folder."""


@dataclass(frozen=True)
class Arguments:
    problem: tyro.conf.Positional[Literal["jobshop", "blocking", "soc", "static-dag", "memory-pack", "memory-map"]]
    """What to schedule."""
    preset: str = "gym-ds3-5"
    """Streams on a chip: the workload to train for; gaps, caps and noise are varied."""
    actions: Literal["map", "order"] = "map"
    """Memory mapping: decide every access, or the order in which storages are served."""
    swap: bool = True
    """Blocking shop: with --no-swap jobs cannot exchange machines (bns instead of bws)."""
    down_share: tuple[float, ...] = ()
    """Blocking shop: share of time that machines are down; with several, each batch has one of them."""
    minutes: float | None = None
    """Minutes to train, resumed parts included (10 if --steps is not given either)."""
    clock: Literal["wall", "cpu"] = "wall"
    """What --minutes counts: wall time, or processor time of this process."""
    steps: int | None = None
    """Iterations to train; the same seed then gives the same weights."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where episodes are played and weights updated."""
    seed: int = 0
    """Fixes instances, samples and initial weights."""
    out: Path | None = None
    """Folder of the run; runs/PROBLEM-LEARNER-SEED by default."""
    resume: bool = False
    """Go on with the run in --out from its last checkpoint."""
    learner: Literal["ppo", "self-label", "sb3"] = "ppo"
    """ppo: proximal policy optimisation. self-label: cross-entropy on the best sample of each instance.
    sb3: MaskablePPO of sb3-contrib on the same network (extra 'sb3'; slow, for comparison)."""
    advantage: Literal["group", "gae"] = "group"
    """PPO's baseline: the other samples of the same instance, or a critic with GAE."""
    epochs: int = 2
    """PPO passes over a batch."""
    minibatches: int = 1
    """PPO updates a pass; each takes whole instances."""
    keep: int = 8
    """Episodes of each instance that PPO learns from, half the best and half the worst; 0 = all."""
    clip: float = 0.2
    """PPO's clipping range."""
    value_clip: float = 0.0
    """Clipping range of the critic; 0 = off."""
    entropy: float = 0.01
    """Weight of the entropy bonus."""
    gae_decay: float = 0.97
    """Lambda of GAE."""
    kl_stop: float = 0.05
    """Leave a batch when the approximate KL divergence passes this; 0 = never."""
    sizes: tuple[str, ...] = ()
    """Training sizes JOBSxMACHINES (static-dag: TASKSxPES), drawn with equal probability; a standard mixture if empty."""
    hard: float = 0.25
    """Share of batches with two-set routing."""
    instances: int = 16
    """Instances a batch."""
    samples: int = 32
    """Episodes of each instance."""
    rate: float = 1e-3
    """Learning rate."""
    schedule: Literal["wsd", "linear"] = "wsd"
    """Learning rate: warm-up, stable, decay over the last 40 %; or straight to zero."""
    average: float = 0.98
    """Decay of the moving average of weights that is saved; 0 = off."""
    width: int = 64
    """Width of the encoder."""
    layers: int = 3
    """Rounds of message passing."""
    hidden: int = 64
    """Width of the decoder."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the update; bfloat16 helps on GPUs."""
    compile: bool = False
    """Use torch.compile for the update."""
    initial: Path | None = None
    """Start from the weights of another run."""
    imitate: str | None = None
    """First imitate this method's schedules of generated instances, e.g. tabu:0.2s, cpsat:2s or etf."""
    imitate_steps: int = 50
    """Iterations of imitation."""
    imitate_repeats: int = 4
    """Updates in each of them, on the new schedules and on earlier ones: slow experts are worth hearing often."""
    log_every: float = 20.0
    """Seconds between log lines (iterations, with --steps)."""
    save_every: float = 60.0
    """Seconds between checkpoints."""
    tensorboard: bool = False
    """Also write TensorBoard events to OUT/tensorboard (extra 'log')."""


def main(argv: Sequence[str] | None = None) -> None:
    arguments = tyro.cli(Arguments, args=argv, description=DESCRIPTION, prog="train.py")
    try:
        train(arguments)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: what was saved can be resumed with --resume", file=sys.stderr)
        sys.exit(130)


def train(a: Arguments) -> Path:
    """Run what the arguments say; returns the folder of the run."""
    variant = a.preset if a.problem == "soc" else a.problem + ("" if a.swap else "-bns")
    variant += "" if a.actions == "map" else f"-{a.actions}"
    out = a.out or Path("runs") / f"{variant}-{a.learner}-{a.seed}"
    config = configuration(a)
    if a.learner == "sb3":
        from dispatchgym.agents.sb3_policy import train as train_sb3

        if a.resume:
            raise InputError("--learner sb3 cannot resume; begin another run with --initial")
        train_sb3(config, out, initial=a.initial)
        return out

    from dispatchgym.agents.trainer import Trainer

    trainer = Trainer(config, out, resume=a.resume, initial=a.initial, expert=expert(a))
    with Progress(trainer, tensorboard=a.tensorboard) as report:
        trainer.run(report)
    print(f"saved {out / 'policy.safetensors'}: {trainer.iteration} iterations, {trainer.episodes} episodes")
    return out


def configuration(a: Arguments) -> TrainConfig:
    from dispatchgym.agents.learners import PPOConfig
    from dispatchgym.agents.trainer import TrainConfig

    shared = {name: getattr(a, name) for name in TrainConfig.__dataclass_fields__ if hasattr(a, name)}
    shared["down_shares"] = a.down_share
    ppo = PPOConfig(**{name: getattr(a, name) for name in PPOConfig.__dataclass_fields__ if hasattr(a, name)})
    if a.minutes is None and a.steps is None:
        shared["minutes"] = 10.0
    shared["imitate_steps"] = a.imitate_steps if a.imitate else 0
    return TrainConfig(**{**shared, "ppo": ppo})


def expert(a: Arguments) -> Any:
    """instance -> schedule by the method named after --imitate; None without one."""
    if a.imitate is None:
        return None
    from dispatchgym.problems import PROBLEMS, is_policy

    problem, text = PROBLEMS[a.problem], a.imitate
    if is_policy(text):
        raise InputError(f"--imitate {text}: only baselines can be imitated; a policy goes on by --initial")
    problem.validate(text)

    def schedule(instance: Any) -> Any:
        result = problem.solve(instance, text, seed=a.seed, workers=1)
        if result.schedule is None:
            raise InputError(f"--imitate {text} found no schedule for {instance.name}")
        return result.schedule

    return schedule


class Progress:
    """A progress bar on a terminal, plain lines elsewhere; TensorBoard if asked for."""

    def __init__(self, trainer: Any, tensorboard: bool) -> None:
        self.trainer, self.writer = trainer, None
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise InputError("--tensorboard needs the extra 'log' (pip install dispatchgym[log])") from None
            self.writer = SummaryWriter(str(trainer.out / "tensorboard"))

    def __enter__(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        self.console = Console()
        self.bar = Bar(
            TextColumn("training"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.description}"),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.bar.start()
        self.task = self.bar.add_task("compiling kernels (first time only)", total=1.0)
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()
        if self.writer is not None:
            self.writer.close()

    def __call__(self, line: dict[str, Any]) -> None:
        text = f"iteration {line['iteration']}, {line['episodes']} episodes, {line['validation']:.2f} % above bound on validation"
        self.bar.update(self.task, completed=min(1.0, self.trainer.progress()), description=text)
        if not self.console.is_terminal:
            print(f"{line['seconds']:7.0f} s  {text}", flush=True)
        if self.writer is not None:
            for name, value in line.items():
                self.writer.add_scalar(name, value, line["iteration"])


if __name__ == "__main__":
    main()
