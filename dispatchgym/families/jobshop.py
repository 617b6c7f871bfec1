"""The card of the job shop."""

from dispatchgym.family import DIRECTION_HELP, POLICY_HELP, Family, Lazy, ScheduleOf

FAMILY = Family(
    name="jobshop",
    title="job shop",
    objective="makespan",
    unit="ticks",
    bounds="ScheduleOpt/benchmarks, 2026-08-19",
    ids={
        "JobShop-v0": "dispatchgym.envs.jobshop.env:JobShopKeywords",
        "JobShopImprove-v0": "dispatchgym.envs.jobshop.improve.env:ImproveKeywords",
    },
    expand=Lazy("dispatchgym.families.shops:expand_job_shops"),
    load=Lazy("dispatchgym.instances.jobshop.catalogue:load"),
    group=Lazy("dispatchgym.families.shops:jobshop_group"),
    warm_up=Lazy("dispatchgym.families.shops:jobshop_warm_up"),
    methods="dispatchgym.baselines.jobshop.methods",
    check=Lazy("dispatchgym.envs.jobshop.check:check"),
    draw=Lazy("dispatchgym.envs.jobshop.render:draw"),
    scenes=Lazy("dispatchgym.families.shop_scenes:job_shop"),
    name_choices=Lazy("dispatchgym.families.shop_scenes:name_operations"),
    schemas={"jobshop": ("a job shop", Lazy("dispatchgym.instances.jobshop.json_files:own_shape"))},
    shelf=Lazy("dispatchgym.families.shelves:JOB_SHOPS"),
    schedule=ScheduleOf("dispatchgym.instances.jobshop.instance:Schedule"),
    table=Lazy("dispatchgym.families.schedule_tables:job_shop"),
    examples=(
        (
            "Rules against search on ten instances, in half a minute",
            '--instances "ta01..ta10" --methods spt fdd-mwkr fdd-mwkr:x128 tabu:1s --out results/first',
        ),
        (
            "Four at a time, with pictures, adding to the folder if it exists",
            "--instances la ta01 mine.txt --methods policy policy:x128 cpsat:10s --out results/all\n"
            "      --workers 4 --plot --resume",
        ),
    ),
    variants={"": {"jobs": 4, "machines": 3, "pool": 2}},  # which both ids take
    rules=("fdd-mwkr", "mwkr", "spt"),
    agent=Lazy("dispatchgym.agents.jobshop:AGENT"),
    policy_help=POLICY_HELP.removesuffix("]")
    + DIRECTION_HELP
    + ", length=trained|100|500|1000|5000 (moves of a policy that was trained to improve)]",
    train_options=Lazy("dispatchgym.families.shops:JobShopTraining"),
    train_examples=(
        "--minutes 10",
        "--minutes 60 --out runs/long --seed 1        (stop it any time, then the same with --resume)",
        "--steps 500 --learner self-label --sizes 6x6 10x10",
        "--minutes 20 --imitate tabu:0.2s --imitate-steps 50",
        "--task improve --neighbourhood n5 --moves 100 --minutes 20 --sizes 10x10",
    ),
)
