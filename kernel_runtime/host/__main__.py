"""``python -m kernel_runtime.host``: started by `kernel_runtime.host.launcher.GraphHost`."""

import gc

if __name__ == "__main__":
    # What is imported stays: looking through it for garbage takes a twentieth of the start.
    # The service has the collector run again, before it starts units.
    gc.disable()
    from .service import main

    main()
