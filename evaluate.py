from dispatchgym.evaluate import main

raise SystemExit(main())
