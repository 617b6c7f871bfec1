from dispatchgym.instances.memory.trace.command import main

if __name__ == "__main__":
    main()
