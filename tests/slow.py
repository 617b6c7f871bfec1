"""The tests that `make check` leaves out: long studies, and those that compile the slowest kernels. `make test` runs all."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

# Patterns of test ids, as `FILE::TEST[PARAMETERS]`: `*` stands for anything, `?` for one character, as for a bracket.
SLOW = (
    # The CUDA simulator runs kernels as threads of Python.
    "*cuda_simulator*",
    "tests/agents/test_cuda_training.py::*",
    # Kernels that no other test compiles: more variants of environments, the largest kernel, and policies of each family.
    "tests/core/test_recorded_episodes.py::test_a_batch_is_single_environments_in_every_variant*",
    # Rules of every environment: JobShop-v0, SoC-v0 and MemoryPack-v0 stay.
    "tests/core/test_conformance.py::test_rule?*Flat-v0*",
    "tests/core/test_conformance.py::test_rule?JobShopImprove-v0*",
    "tests/core/test_conformance.py::test_rule?BlockingJobShop-v0*",
    "tests/core/test_conformance.py::test_rule?StaticDag-v0*",
    "tests/core/test_conformance.py::test_rule?MemoryMap-v0*",
    "tests/core/test_conformance.py::test_rule?CPModel-v0*",
    "tests/core/test_conformance.py::test_rule?FlexibleJobShop-v0*",
    "tests/core/test_recorded_episodes.py::test_further_episodes*",
    "tests/core/test_recorded_episodes.py::test_the_first_episodes_of_an_id_are_the_recorded_ones*",
    "tests/core/test_interpreted.py::*",
    "tests/core/test_every_index.py::test_every_index_is_inside_its_array*",
    "tests/core/test_machine_code.py::test_a_damaged_cache_*",
    "tests/core/test_machine_code.py::test_the_first_start_*",
    "tests/core/test_machine_code.py::test_without_a*",
    "tests/agents/test_agents.py::test_encoding_again_*",
    "tests/agents/test_agents.py::test_the_compiled_decoder_*",
    "tests/agents/test_agents.py::test_following_an_active_schedule_*",
    "tests/jobshop/test_baselines.py::test_every_rule_with_every_builder_*",
    "tests/core/test_ptx.py::test_kernels_compile*",
    "tests/core/test_checked_indices.py::*",
    "tests/agents/test_beam.py::*",
    "tests/blocking/test_agent.py::*",
    "tests/blocking/test_env.py::test_the_rules_of_every_environment_hold_in_every_variant*",
    "tests/families/test_toy_family.py::test_the_toy_family_is_registered_trained_and_evaluated",
    # Comparisons with brute force, plain Python and CP-SAT on many instances.
    "tests/blocking/test_cpsat.py::*",
    "tests/blocking/test_env.py::test_the_safety_mask_*",
    "tests/cpmodel/test_baselines.py::*",
    "tests/cpmodel/test_env.py::test_the_best_of_all_choice_sequences_*",
    "tests/cpmodel/test_env.py::test_the_referee_accepts_*",
    "tests/cpmodel/test_model.py::*",
    "tests/memory/test_latency_cpsat.py::*",
    "tests/memory/test_trace.py::*",
    "tests/memory/test_trace_onnx.py::*",
    "tests/memory/test_map_env.py::test_every_legal_rollout_*",
    "tests/soc/test_env.py::test_every_legal_rollout_*",
    "tests/soc/test_evaluate.py::test_every_number_*",
    "tests/soc/test_streaming.py::test_latencies_*",
    "tests/soc/test_streaming.py::test_plans_*",
    "tests/core/test_clock.py::*",
    "tests/instances/test_bounded_readers.py::test_a_collection_of_thousands_*",
    "tests/instances/test_schemas.py::test_what_a_schema_refuses_*",
    "tests/corpus/test_corpus.py::*",
    "tests/memory/test_agent.py::*",
    "tests/memory/test_evaluate.py::test_every_*_and_measure_is_the_referees",
    "tests/memory/test_evaluate.py::test_tables_of_*",
    "tests/memory/test_evaluate.py::test_maps_and_curves_are_drawn",
    "tests/memory/test_evaluate.py::test_finished_pairs_are_not_solved_again",
    "tests/soc/test_agent.py::*",
    "tests/soc/test_evaluate.py::test_policies_play_streams_once_and_graphs_as_often_as_asked",
    "tests/soc/test_streaming.py::test_a_rule_does_what_plain_python_does_tick_by_tick",
    # Learning, and the whole command again and again.
    "tests/agents/test_learners.py::test_a_stopped_and_resumed_run_*",
    "tests/agents/test_learners.py::test_several_updates_*",
    "tests/agents/test_ranks.py::test_*process*",
    "tests/agents/test_learners.py::test_rounds_of_one_sample_*",
    "tests/agents/test_search.py::test_a_search_is_better_*",
    "tests/blocking/test_evaluate.py::test_rules_run_from_the_command_line_*",
    "tests/commands/test_train.py::test_a_signal_saves_*",
    "tests/commands/test_tune.py::test_a_trial_goes_on_*",
    "tests/cpmodel/test_own_model.py::test_a_run_*",
    "tests/cpmodel/test_proofs.py::test_a_study_goes_on_*",
    "tests/cpmodel/test_own_model.py::test_a_training_may_*",
    "tests/commands/test_train.py::test_the_learner_of_sb3_*",
    "tests/commands/test_strange_words.py::test_a_full_device_*",
    "tests/commands/test_schedule_tables.py::*",
    "tests/commands/test_own_methods.py::*",
    "tests/commands/test_light_install.py::*",
    "tests/commands/test_command.py::test_a_schedule_of_any_family_*",
    "tests/commands/test_command.py::test_every_set_and_generator_*",
    "tests/commands/test_command.py::test_the_settings_of_*",
    "tests/commands/test_evaluate.py::*",
    "tests/jobshop/test_rendering.py::*",
    "tests/memory/test_evaluate.py::test_the_benchmarks_*",
    "tests/report/test_browser.py::*",
    "tests/agents/test_agents.py::test_*_learns_*",
    "tests/agents/test_learners.py::test_a_learner_learns_a_tiny_task*",
    "tests/agents/test_agents.py::test_imitation_makes_the_expert_more_likely",
    "tests/agents/test_agents.py::test_the_same_seed_gives_the_same_training_log_and_weights*",
    "tests/commands/test_benchmarks.py::*",
    "tests/commands/test_bridges.py::test_a_bridge_runs_and_learns*",
    "tests/commands/test_curves.py::*",
    "tests/commands/test_deploy.py::test_the_steps*",
    "tests/commands/test_learners_benchmark.py::*",
    "tests/commands/test_light_install.py::test_wheel_and_sdist_work_in_a_fresh_environment",
    "tests/commands/test_own_methods.py::test_the_examples_of_the_page_run_as_plain_scripts*",
    "tests/commands/test_kills.py::*",
    "tests/commands/test_site.py::test_every_page*",
    "tests/commands/test_site.py::test_no_page*",
    "tests/commands/test_site.py::test_the_reference*",
    "tests/commands/test_site.py::test_the_search*",
    "tests/commands/test_site.py::test_links_and*",
    "tests/commands/test_site.py::test_a_notebook*",
    "tests/commands/test_tutorials.py::test_the_code*",
    "tests/report/test_browser.py::test_a_report_opens_and_can_be_used*",
    "tests/corpus/test_corpus.py::test_random_changes_*",
    "tests/soc/test_evaluate.py::test_the_benchmarks_write_*",
    # Studies: optima by brute force, linear programs, every method, every network.
    "tests/blocking/test_env.py::test_the_best_reachable_schedule_is_optimal*",
    "tests/jobshop/test_baselines.py::test_every_listed_method_*",
    "tests/memory/test_check.py::test_the_latency_is_the_optimum_of_the_linear_program",
)


def is_slow(test: str) -> bool:
    return any(fnmatchcase(test, pattern) for pattern in SLOW)


def without_tests(tests: Collection[str]) -> list[str]:
    """The patterns that none of `tests` fits."""
    return [pattern for pattern in SLOW if not any(fnmatchcase(test, pattern) for test in tests)]
