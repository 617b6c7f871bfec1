"""The settings of a training run. They are the command line of train.py, and are saved beside the weights."""

from __future__ import annotations

from dataclasses import dataclass, field, is_dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class PPOConfig:
    """Proximal policy optimisation (Schulman et al. 2017)."""

    advantage: Literal["group", "gae"] = "group"
    """PPO's baseline: the other samples of the same instance, or a critic with GAE."""
    keep: int = 8
    """Episodes of each instance that PPO learns from, half the best and half the worst; 0 = all."""
    epochs: int = 2
    """PPO passes over a batch."""
    minibatches: int = 1
    """PPO updates a pass; each takes whole instances."""
    clip: float = 0.2
    """PPO's clipping range."""
    value_clip: float = 0.0
    """Clipping range of the critic; 0 = off."""
    value_weight: float = 0.5
    """Weight of the critic's loss."""
    entropy: float = 0.01
    """Weight of the entropy bonus."""
    gae_decay: float = 0.97
    """Lambda of GAE."""
    kl_stop: float = 0.05
    """Leave a batch when the approximate KL divergence passes this; 0 = never."""


@dataclass(frozen=True)
class PreferenceConfig:
    """Preference optimisation over ranked samples (Liao et al. 2025)."""

    pairs: int = 8
    """Samples of each instance that --learner preference compares with the best, at even ranks; at most --samples less 1."""


@dataclass(frozen=True)
class WithoutReplacementConfig:
    """Samples without replacement (Pirnay & Grimm 2024)."""

    rounds: int = 4
    """Rounds in which --learner without-replacement draws its --samples; a round repeats no episode of the earlier ones."""
    shift: float = 0.3
    """What a round adds to the log-probability of an episode's decisions for each standard deviation that the episode was
    better than the mean; 0 = the policy as it is."""


@dataclass(frozen=True)
class TrainConfig:
    """All that decides a run, beside the options that only its family has."""

    learner: Literal["ppo", "self-label", "preference", "reinforce", "without-replacement", "sb3"] = "ppo"
    """ppo: proximal policy optimisation. self-label: cross-entropy on the best sample of each instance.
    preference: the best sample is preferred to others (BOPO). reinforce: REINFORCE with the greedy episode as baseline (ReMax).
    without-replacement: cross-entropy on the best of samples without replacement, drawn in rounds (Gumbeldore).
    sb3: MaskablePPO of sb3-contrib on the same network (extra 'sb3'; slow, for comparison)."""
    minutes: float | None = None
    """Minutes to train, resumed parts included (10 if --steps is not given either)."""
    clock: Literal["wall", "cpu"] = "wall"
    """What --minutes counts: wall time, or processor time of this process."""
    steps: int | None = None
    """Iterations to train; the same seed then gives the same weights."""
    seed: int = 0
    """Fixes instances, samples and initial weights."""
    device: Literal["cpu", "cuda", "python"] = "cpu"
    """Where episodes are played and weights updated; python: without compiling, to debug a kernel."""
    sizes: tuple[str, ...] = ()
    """Training sizes in the family's own units, drawn with equal probability; a standard mixture if empty."""
    hard: float = 0.25
    """Share of batches with the family's hard instances, if it has some."""
    instances: int = 16
    """Instances a batch."""
    samples: int = 32
    """Episodes of each instance."""
    reuse: int = 1
    """Updates on each batch of self-label, preference and without-replacement (ppo: --epochs)."""
    rate: float = 1e-3
    """Learning rate."""
    schedule: Literal["wsd", "linear", "rex", "cosine", "constant"] = "wsd"
    """Learning rate. wsd: warm-up, stable, decay over the last 40 %. linear: straight to zero. rex, cosine: warm-up, then a decay
    that is slow at first. constant: warm-up, then the same, as suits --optimizer schedulefree."""
    optimizer: Literal["adamw", "schedulefree"] = "adamw"
    """adamw; or schedulefree, schedule-free AdamW, whose average of the weights is saved in place of --average."""
    weight_decay: float = 0.0
    """Decoupled weight decay of the optimiser."""
    average: float = 0.98
    """Decay of the moving average of weights that is saved; 0 = off."""
    width: int = 64
    """Width of the encoder."""
    layers: int = 3
    """Rounds of message passing."""
    hidden: int = 64
    """Width of the decoder."""
    attention: int = 0
    """Heads by which the legal choices of a step attend to each other before they are scored; 0 = off (fastest)."""
    encode_every: int = 0
    """Decisions after which the encoder runs again, on the graph as it stands; 0 = once an episode (fastest)."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the update; bfloat16 helps on GPUs."""
    compile: bool = False
    """Use torch.compile for the update."""
    imitate_steps: int = 50
    """Iterations of imitation."""
    imitate_repeats: int = 4
    """Updates in each of them: demonstrations are expensive, so new and earlier ones are used several times."""
    ppo: PPOConfig = field(default_factory=PPOConfig)
    preference: PreferenceConfig = field(default_factory=PreferenceConfig)
    without_replacement: WithoutReplacementConfig = field(default_factory=WithoutReplacementConfig)
    log_every: float = 20.0
    """Seconds between log lines (iterations, with --steps)."""
    save_every: float = 60.0
    """Seconds between checkpoints."""


def parts(config: TrainConfig) -> tuple[Any, ...]:
    """The settings themselves, and those of each learner in them."""
    return (config, *(value for value in vars(config).values() if is_dataclass(value)))
