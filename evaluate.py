from dispatchgym_start import evaluate

raise SystemExit(evaluate())
