"""``facekp page``: its arguments, and what they start. Imports nothing slow until it runs."""
import os

from facekp.arguments import path_name, whole_number

PORT = 8765


def add_arguments(parser):
    """Declare the arguments of ``facekp page``.

    Parameters
    ----------
    parser : argparse.ArgumentParser
        Gets the default ``run``: a callable that takes the options and returns the exit code.
    """
    parser.add_argument("-o", "--out", type=path_name, metavar="FOLDER",
                        help="write the page into a folder, for any web server, and do not serve "
                             "it")
    parser.add_argument("--net", type=path_name, metavar="RUN|FILE",
                        help="another net: an ONNX file, or a run's folder with net.onnx")
    parser.add_argument("--port", type=whole_number(0, 65535), default=PORT, metavar="N",
                        help="where it is served, 0 for any port that is free (default: "
                             "%(default)s)")
    parser.add_argument("--no-browser", action="store_true", help="open no browser")
    parser.set_defaults(run=_run)


def _run(options):
    from facekp.predict.page import runtime

    if not runtime.complete():
        print(f"getting {runtime.PACKAGE} {runtime.VERSION} with npm: 33 MB, once", flush=True)
    if options.out is not None:
        return write(options.out, options.net)
    return show(options.net, options.port, not options.no_browser)


def write(folder, net=None):
    """Write the page into a folder and say how large it is.

    Parameters
    ----------
    folder, net : see :func:`facekp.predict.page.build.build`

    Returns
    -------
    int, the exit code
    """
    from facekp.predict.page.build import build

    size = build(folder, net)
    print(f"{os.path.join(folder, 'index.html')}: the page, {size / 1e6:.1f} MB with the nets and "
          "onnxruntime-web; any web server can serve the folder")
    return 0


def show(net=None, port=PORT, browser=True):
    """Serve the page at 127.0.0.1 until somebody presses Ctrl+C.

    Parameters
    ----------
    net : path or None
    port : int
    browser : bool, whether to open the page there

    Returns
    -------
    int, the exit code
    """
    import webbrowser

    from facekp.predict.page.build import contents
    from facekp.predict.page.serve import Server

    with Server(contents(net), port) as server:
        print(f"{server.address} shows the page to this machine alone; Ctrl+C ends it", flush=True)
        if browser:
            webbrowser.open(server.address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return 0
