"""Prepare CUDA for Theano's GPU back-end: the driver, NVRTC (its compiler) and cuBLAS.

Theano 1.0 and libgpuarray 0.7.6 are older than CUDA 11 to 13, but compute with them once their
libraries have the names of that time (:mod:`facekp.engine.cuda_libraries`), NVRTC is not newer
than the driver, and cuDNN is off (:func:`facekp.engine.plan.decide`). Nothing here runs for a
training on the CPU.
"""

import ctypes
import os
import re
import sys
from typing import NamedTuple

from facekp.engine.cuda_libraries import Search, Unfit, file_of, load_if_there
from facekp.errors import EngineError

DEVICE_SETTINGS = ("device", "init_gpu_device", "contexts")  # Theano's, which can name devices
CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_* of cuda.h
MAJOR_VERSION, MINOR_VERSION = 0, 1  # libraryPropertyType of library_types.h
UNSUPPORTED = 10  # the first major compute capability whose name libgpuarray cuts off


class Part(NamedTuple):
    """Something that a computation on the GPU needs.

    Attributes
    ----------
    name : str
    found : str
        The file, the version or the device; empty if it is missing or unfit.
    fault : str
        What is wrong with it and how to solve that; empty if nothing is.
    """

    name: str
    found: str
    fault: str = ""


class Driver(NamedTuple):
    """NVIDIA's driver: its library, the newest CUDA that it runs, the devices that are used."""

    library: ctypes.CDLL
    cuda: tuple  # (major, minor)
    devices: tuple = ()  # of Device


class Device(NamedTuple):
    """A GPU and its compute capability (major, minor)."""

    name: str
    capability: tuple


_parts = None  # what prepare() found in this process


def numbers(flags):
    """Numbers of the CUDA devices that Theano's settings name; ``cuda`` alone is the first one.

    Parameters
    ----------
    flags : dict of str -> facekp.engine.plan.Choice

    Returns
    -------
    list of int
    """
    named = " ".join(flags[key].value for key in DEVICE_SETTINGS if key in flags)
    return sorted({int(number or 0) for number in re.findall(r"\bcuda(\d*)\b", named)})


def provide(plan):
    """Load what the devices of a plan need.

    The environment variable ``FACEKP_CUDA`` names places that are searched before all others.

    Parameters
    ----------
    plan : facekp.engine.plan.Plan

    Raises
    ------
    EngineError
        One line that names each part that is missing or unfit, the places that were searched, and
        the package that brings it.
    """
    faults = [part.fault for part in prepare(plan) if part.fault]
    if faults:
        raise EngineError("device=%s cannot be used: %s; or take device=cpu" % (
            ",".join("cuda%d" % number for number in numbers(plan.flags)), "; ".join(faults)))


def prepare(plan):
    """Find and load what the devices of a plan need, once in a process.

    Parameters
    ----------
    plan : facekp.engine.plan.Plan

    Returns
    -------
    list of Part
        Empty if the plan has no CUDA device (or this is not Linux, where libgpuarray searches by
        itself).
    """
    global _parts
    if not numbers(plan.flags) or not sys.platform.startswith("linux"):
        return []
    if _parts is None:
        folder = next((plan.flags[key].value for key in ("base_compiledir", "compiledir")
                       if key in plan.flags), None)
        _parts = _prepare(numbers(plan.flags), os.environ, plan.flags["cxx"].value,
                          folder and os.path.expanduser(folder))
    return _parts


def _prepare(devices, env, cxx, folder):
    search = Search(env, cxx, folder)
    try:
        path, driver = search.find("cuda", "cuInit", ask_driver)
    except Unfit as unfit:
        return [Part("driver", "", "NVIDIA's driver: %s; install it, or check it with nvidia-smi "
                     "(a container is started with --gpus all)" % unfit)]
    parts = [Part("driver", "%s (CUDA %d.%d)" % ((path,) + driver.cuda))]
    for number in devices:
        try:
            device = ask_device(driver, number)
        except Unfit as unfit:
            return parts + [Part("cuda%d" % number, "", str(unfit))]
        parts.append(Part("cuda%d" % number, "%s (compute capability %d.%d)"
                          % ((device.name,) + device.capability)))
        driver = driver._replace(devices=driver.devices + (device,))
    newest = min(driver.cuda[0], 12)  # wheels of CUDA 13 have another name; these do as well
    limit = "<%d.%d" % (newest, driver.cuda[1] + 1) if driver.cuda[0] == newest else ""
    for name, title, function, ask, wheel in (
        ("nvrtc", "NVRTC", "nvrtcVersion", ask_nvrtc, "nvidia-cuda-nvrtc-cu%d%s" % (newest, limit)),
        ("cublas", "cuBLAS", "cublasGetProperty", ask_cublas, "nvidia-cublas-cu%d" % newest),
    ):
        try:
            path, version = search.find(name, function, lambda library: ask(library, driver))
            parts.append(Part(title, "%s (%d.%d)" % ((path,) + version)))
        except Unfit as unfit:
            parts.append(Part(title, "", "%s: %s; install one that fits: make gpu, a CUDA toolkit "
                              'or pip install "%s"; FACEKP_CUDA can name its folder'
                              % (title, unfit, wheel)))
    return parts


def call(library, function, *arguments):
    """Call a function of the driver; raise Unfit with the driver's words if it fails."""
    code, text = getattr(library, function)(*arguments), ctypes.c_char_p()
    if code:
        library.cuGetErrorName(code, ctypes.byref(text))
        raise Unfit("%s fails with error %d, %s" % (
            function, code, (text.value or b"without a name").decode(errors="replace")))


def integer(library, function, *arguments):
    """What a function of the driver writes to its first argument, an int."""
    value = ctypes.c_int()
    call(library, function, ctypes.byref(value), *arguments)
    return value.value


def ask_driver(library):
    """The driver as a Driver, without devices.

    Raises
    ------
    Unfit
        If it cannot be initialized: no GPU, a kernel module of another version, or the toolkit's
        stub instead of a driver.
    """
    call(library, "cuInit", 0)
    version = integer(library, "cuDriverGetVersion")
    return Driver(library, (version // 1000, version % 1000 // 10))


def ask_device(driver, number):
    """Name and compute capability of a device.

    Raises
    ------
    Unfit
        If there are fewer devices, or if libgpuarray cannot compile for it.
    """
    count = integer(driver.library, "cuDeviceGetCount")
    if number >= count:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        raise Unfit("the driver has %d device%s, numbered from 0%s; choose another" % (
            count, "s" * (count != 1),
            "" if visible is None else ", with CUDA_VISIBLE_DEVICES=" + visible))
    device = integer(driver.library, "cuDeviceGet", number)
    name = ctypes.create_string_buffer(256)
    call(driver.library, "cuDeviceGetName", name, len(name), device)
    capability = tuple(integer(driver.library, "cuDeviceGetAttribute", attribute, device)
                       for attribute in (CAPABILITY_MAJOR, CAPABILITY_MINOR))
    device = Device(name.value.decode(errors="replace"), capability)
    if capability[0] >= UNSUPPORTED:
        raise Unfit("%s has compute capability %d.%d, and libgpuarray 0.7.6 cannot compile for "
                    "10.0 and above; choose a GPU of an older generation"
                    % ((device.name,) + capability))
    return device


def ask_nvrtc(library, driver):
    """The CUDA version of an NVRTC that compiles for the driver and its devices."""
    major, minor, count = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    library.nvrtcVersion(ctypes.byref(major), ctypes.byref(minor))
    version = major.value, minor.value
    if version > driver.cuda:
        raise Unfit("it is of CUDA %d.%d, and the driver runs CUDA %d.%d at the most: its code "
                    "would be refused" % (version + driver.cuda))
    if hasattr(library, "nvrtcGetSupportedArchs"):  # from CUDA 11.2 on
        library.nvrtcGetNumSupportedArchs(ctypes.byref(count))
        known = (ctypes.c_int * count.value)()
        library.nvrtcGetSupportedArchs(known)
        for name, (major, minor) in driver.devices:
            if 10 * major + minor not in known:
                raise Unfit("it is of CUDA %d.%d, which cannot compile for %s (compute capability "
                            "%d.%d)" % (version + (name, major, minor)))
    # NVRTC opens it by its bare name when it first compiles
    load_if_there(os.path.join(
        os.path.dirname(file_of(library.nvrtcVersion)),
        "libnvrtc-builtins.so.%d.%d" % version))
    return version


def ask_cublas(library, driver):
    """The version of a cuBLAS that the driver can run; within one major version, any can."""
    value, version = ctypes.c_int(), []
    for which in (MAJOR_VERSION, MINOR_VERSION):
        library.cublasGetProperty(which, ctypes.byref(value))
        version.append(value.value)
    if version[0] > driver.cuda[0]:
        raise Unfit("it is of CUDA %d, and the driver runs CUDA %d.%d at the most"
                    % ((version[0],) + driver.cuda))
    return tuple(version)
