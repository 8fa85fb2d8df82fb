"""From a fresh clone to a working environment, with the standard library alone.

The modules, from the floor up::

    say                  what a person reads while it runs (stderr only)
    nvml | display       what the machine has: NVIDIA cards; somewhere to draw
    machine              the above as one value
    torch_build          which torch builds fit that machine, best first
    system_packages      what the distribution must provide, and how to get it
    environment          the folder .venv: its record, its lock, its health
    child                running pip and other programs, output on stderr
    torch_check          a child process that tries the torch that is installed
    install              the steps, in order
    main                 what was asked for
"""
