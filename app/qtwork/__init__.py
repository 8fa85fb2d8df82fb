"""Threads and signals between the window and `core`. QtCore only, no widgets.

background  Background(parent): ask(function) off the main thread; signals
            answered(object), failed(TunesmithError), busy_changed(bool). The newest
            question wins; older answers are dropped.
process     TaskRunner(parent): start(task_name, request, environment=) runs a worker
            task; signals progressed(dict), succeeded(dict), failed(TunesmithError),
            finished(); cancel() kills the child.
supervisor  RunSupervisor(folder, digest): follows a run's folder in a QThread; the
            digest folds events there; signals published(object),
            status_changed(Status). request_end() and wait for `finished`.
pulse       Pulse(read_runs, read_device): signals runs_changed(tuple),
            device_changed(object); poke() to look at once.
gpu_lease   GpuLease: take(holder) -> bool, give_back(holder), taken_by.
navigator   Navigator: open(page_key, argument=None); signal requested(str, object);
            toast(text, action=, run=); signal toasted.
"""
