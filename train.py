from dispatchgym_start import train

raise SystemExit(train())
