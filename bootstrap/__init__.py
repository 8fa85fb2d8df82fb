"""From a fresh clone to a working environment, with the standard library alone.

Asked at every start, so quick to import::

    main             what was asked for, and doing it
    ready            whether the environment can be used as it is
    project          what pyproject.toml asks for
    environment      the folder .venv: its record and its health
    lock             one set-up at a time
    machine, nvml    what this computer has
    display          whether a window could be opened
    say              what a person reads (stderr only)

Only when there is something to set up::

    install          the steps, in order
    system_packages  what the distribution must provide, and how to get it
    torch_build      which torch builds fit the machine, best first
    torch_index      which of them can be fetched
    torch_check      a child process that tries the one that is installed
    torch_install    the first that can be fetched and runs
    child            running pip and other programs
"""
