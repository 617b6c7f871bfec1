"""The card of the blocking job shop."""

from dispatchgym.family import Family, Lazy, ScheduleOf

FAMILY = Family(
    name="blocking",
    title="blocking job shop",
    objective="makespan",
    unit="ticks",
    bounds="published values, collected without a date (sources: instances/data/blocking)",
    ids={"BlockingJobShop-v0": "dispatchgym.envs.blocking.env:BlockingKeywords"},
    expand=Lazy("dispatchgym.families.shops:blocking_expand"),
    load=Lazy("dispatchgym.instances.blocking.catalogue:load"),
    group=Lazy("dispatchgym.families.shops:blocking_group"),
    warm_up=Lazy("dispatchgym.families.shops:blocking_warm_up"),
    methods="dispatchgym.baselines.blocking.methods",
    check=Lazy("dispatchgym.envs.blocking.check:check"),
    draw=Lazy("dispatchgym.envs.blocking.render:draw"),
    scenes=Lazy("dispatchgym.families.shop_scenes:blocking_shop"),
    name_choices=Lazy("dispatchgym.families.shop_scenes:name_moves"),
    shelf=Lazy("dispatchgym.families.shelves:BLOCKING_SHOPS"),
    schedule=ScheduleOf("dispatchgym.instances.blocking.instance:BlockingSchedule"),
    table=Lazy("dispatchgym.families.schedule_tables:blocking_shop"),
    examples=(
        (
            "Rules against CP-SAT on small shops without swaps",
            '--instances "la01..la05" --variant bns --methods spt mwkr random:x32 cpsat:10s --out results/bns',
        ),
        (
            "Machines that are down 5 and 10 % of the time, twenty traces each, paired with mwkr",
            '--instances "la01..la20" --down-share 0 0.05 0.1 --methods spt mwkr\n      --compare-with mwkr --out results/down',
        ),
    ),
    variants={
        "bws": {"jobs": 4, "machines": 3, "pool": 2},
        "bws, interruptions": {"jobs": 4, "machines": 3, "pool": 2, "interruptions": 0.1},
        "bns": {"jobs": 4, "machines": 3, "pool": 2, "swap": False},
        "no-wait": {"jobs": 4, "machines": 3, "pool": 2, "no_wait": True},
    },
    rules=("mwkr", "lopnr", "spt"),
    agent=Lazy("dispatchgym.agents.blocking:AGENT"),
    options=Lazy("dispatchgym.families.shops:BlockingOptions"),
    train_options=Lazy("dispatchgym.families.shops:BlockingTraining"),
    disturbance=Lazy("dispatchgym.families.shops:INTERRUPTIONS"),
    train_examples=(
        "--minutes 20 --imitate sa:iterations=3000 --imitate-steps 150      (swaps allowed)",
        "--minutes 20 --no-swap --down-share 0 0.05 0.1 0.2",
        "--minutes 20 --initial runs/old --advantage gae --keep 0 --samples 8 --minibatches 8",
    ),
)
