from dispatchgym.train import main

raise SystemExit(main())
