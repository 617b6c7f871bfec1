"""The card of memory mapping of programs."""

from dispatchgym.family import POLICY_HELP, Family, Lazy

FAMILY = Family(
    name="memory-map",
    title="memory mapping of programs",
    objective="latency",
    unit="us",
    bounds="proved by CP-SAT for this suite",
    ids={"MemoryMap-v0": "dispatchgym.envs.memory.map.env:MapKeywords"},
    expand=Lazy("dispatchgym.families.buffers:expand_programs"),
    load=Lazy("dispatchgym.instances.memory.catalogue:load_program"),
    group=Lazy("dispatchgym.families.buffers:group_of"),
    warm_up=Lazy("dispatchgym.families.buffers:program_warm_up"),
    methods="dispatchgym.baselines.memory.map.methods",
    check=Lazy("dispatchgym.envs.memory.map.check:check"),
    draw=Lazy("dispatchgym.envs.memory.map.render:draw"),
    scenes=Lazy("dispatchgym.families.memory_scenes:program"),
    name_choices=Lazy("dispatchgym.families.memory_scenes:name_accesses"),
    schemas={
        "memory-program": (
            "a program whose tensors are mapped to memory",
            Lazy("dispatchgym.instances.memory.files:program_shape"),
        )
    },
    shelf=Lazy("dispatchgym.families.shelves:PROGRAMS"),
    schedule=Lazy("dispatchgym.families.buffers:read_plan"),
    table=Lazy("dispatchgym.families.schedule_tables:program"),
    examples=(
        (
            "The allocator in the manner of XLA against search and the policy on networks of unseen families",
            "--instances programs-test --methods all-slow xla hill:10s policy:x64 --compare-with xla --out results/mapping",
        ),
        (
            "How much a larger fast memory would help, with memory maps",
            "--instances resnet50-b8 --capacity 4MiB 16MiB 64MiB --methods xla policy:x64 --out results/sizes --plot",
        ),
    ),
    variants={
        "map": {"instructions": 5, "pool": 2},
        "order": {"instructions": 5, "pool": 2, "actions": "order"},
    },
    rules=("xla",),
    agent=Lazy("dispatchgym.agents.memory:MAP"),
    policy_help=POLICY_HELP.removesuffix("]")
    + ", actions=both|order|map (decides the order in which storages are served, or every access; both shares the samples)]",
    options=Lazy("dispatchgym.families.buffers:MemoryOptions"),
    train_options=Lazy("dispatchgym.families.buffers:MapTraining"),
    metrics=Lazy("dispatchgym.families.buffers:program_metrics"),
    cell=Lazy("dispatchgym.families.buffers:RELATIVE"),
    columns=Lazy("dispatchgym.families.buffers:PROGRAM_COLUMNS"),
    train_examples=("--minutes 20 --actions order --learner self-label",),
    sizes_help="INSTRUCTIONS",
    per_unit=1_000_000,
)
