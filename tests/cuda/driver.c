/* A driver without a GPU, for tests: its memory is the computer's, a launch is checked and does
   nothing. Environment: STANDIN_CUDA (13000: CUDA 13.0), STANDIN_CAPABILITY (90), STANDIN_DEVICES,
   STANDIN_INIT (what cuInit answers). In STANDIN_FOLDER, the file `entries` gets a line for each
   kernel that is asked for: the module, which is the text that NVRTC gave, and the kernel's name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Result;
typedef unsigned long long Pointer;
#define CALL __attribute__((visibility("default"))) Result
#define NOTHING(name) CALL name(void) { return 0; }
#define REFUSED(name) CALL name(void) { return 801; }

static int number(const char *name, int otherwise) {
  const char *text = getenv(name);
  return text ? atoi(text) : otherwise;
}

CALL cuInit(unsigned flags) { return number("STANDIN_INIT", 0); }
CALL cuDriverGetVersion(int *version) { *version = number("STANDIN_CUDA", 13000); return 0; }
CALL cuGetErrorName(int error, const char **text) { *text = "CUDA_ERROR_STANDIN"; return 0; }
CALL cuGetErrorString(int error, const char **text) { *text = "stand-in"; return 0; }
CALL cuGetExportTable(const void **table, const void *id) { *table = 0; return 500; }
CALL cuDeviceGetCount(int *count) { *count = number("STANDIN_DEVICES", 1); return 0; }
CALL cuDeviceGet(int *device, int ordinal) {
  *device = ordinal;
  return ordinal < number("STANDIN_DEVICES", 1) ? 0 : 101;
}
CALL cuDeviceGetName(char *name, int size, int device) {
  snprintf(name, size, "Stand-in GPU");
  return 0;
}
CALL cuDeviceGetPCIBusId(char *id, int size, int device) {
  snprintf(id, size, "0000:00:00.0");
  return 0;
}
CALL cuDeviceGetAttribute(int *value, int attribute, int device) {
  switch (attribute) {  /* as an H100's */
    case 1: case 2: case 3: *value = 1024; break;   /* threads of a block, and along x and y */
    case 4: *value = 64; break;                     /* along z */
    case 5: *value = 2147483647; break;             /* blocks along x */
    case 6: case 7: *value = 65535; break;          /* along y and z */
    case 8: *value = 49152; break;                  /* shared memory of a block */
    case 9: case 12: *value = 65536; break;         /* constant memory, registers */
    case 10: *value = 32; break;                    /* warp */
    case 16: *value = 132; break;                   /* multiprocessors */
    case 39: *value = 2048; break;                  /* threads of a multiprocessor */
    case 41: *value = 1; break;                     /* unified addressing */
    case 75: *value = number("STANDIN_CAPABILITY", 90) / 10; break;
    case 76: *value = number("STANDIN_CAPABILITY", 90) % 10; break;
    case 81: *value = 233472; break;                /* shared memory of a multiprocessor */
    default: *value = 0;
  }
  return 0;
}

static int context, active;
CALL cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *state) {
  *flags = 0;
  *state = active;
  return 0;
}
NOTHING(cuDevicePrimaryCtxSetFlags)
NOTHING(cuDevicePrimaryCtxRelease)
CALL cuDevicePrimaryCtxRetain(void **made, int device) { *made = &context; active = 1; return 0; }
CALL cuCtxGetDevice(int *device) { *device = 0; return 0; }
NOTHING(cuCtxPushCurrent_v2)
CALL cuCtxPopCurrent_v2(void **popped) { if (popped) *popped = &context; return 0; }

/* a module is its text */
struct Link { char *text; size_t size; };
CALL cuLinkCreate(unsigned n, int *options, void **values, void **state) {
  *state = calloc(1, sizeof(struct Link));
  return 0;
}
CALL cuLinkAddData(struct Link *link, int type, void *data, size_t size, const char *name,
                   unsigned n, int *options, void **values) {
  link->text = calloc(size + 1, 1);
  memcpy(link->text, data, size);
  link->size = size;
  return 0;
}
CALL cuLinkComplete(struct Link *link, void **text, size_t *size) {
  *text = link->text;
  *size = link->size + 1;
  return 0;
}
NOTHING(cuLinkDestroy)
CALL cuModuleLoadData(void **module, const void *text) { *module = strdup(text); return 0; }
CALL cuModuleLoadDataEx(void **module, const void *text, unsigned n, int *o, void **v) {
  return cuModuleLoadData(module, text);
}
NOTHING(cuModuleUnload)
CALL cuModuleGetFunction(void **function, const char *module, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/entries", getenv("STANDIN_FOLDER") ? getenv("STANDIN_FOLDER") : ".");
  FILE *file = getenv("STANDIN_FOLDER") ? fopen(path, "a") : NULL;
  if (file) {
    fprintf(file, "%.*s %s\n", (int)strcspn(module, "\n"), module, name);
    fclose(file);
  }
  *function = strdup(name);
  return 0;
}
CALL cuFuncGetAttribute(int *value, int attribute, void *function) { *value = 1024; return 0; }
CALL cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                    unsigned bz, unsigned shared, void *stream, void **arguments, void **extra) {
  if (!gx || !gy || !gz || !bx || !by || !bz || bx * by * bz > 1024 || bz > 64
      || gy > 65535 || gz > 65535 || shared > 49152) {
    fprintf(stderr, "%s: no GPU launches %u x %u x %u blocks of %u x %u x %u threads with %u bytes\n",
            (char *)function, gx, gy, gz, bx, by, bz, shared);
    return 1;
  }
  return 0;
}

CALL cuMemGetInfo_v2(size_t *unused, size_t *all) {
  *unused = *all = (size_t)80 << 30;
  return 0;
}
CALL cuMemAlloc_v2(Pointer *pointer, size_t size) {
  void *memory;
  if (posix_memalign(&memory, 512, size)) return 2;
  memset(memory, 0, size);
  *pointer = (Pointer)memory;
  return 0;
}
CALL cuMemFree_v2(Pointer pointer) { free((void *)pointer); return 0; }
CALL cuMemAllocHost_v2(void **pointer, size_t size) { *pointer = calloc(1, size); return 0; }
CALL cuMemFreeHost(void *pointer) { free(pointer); return 0; }
CALL cuMemcpyHtoD_v2(Pointer to, const void *from, size_t size) {
  memcpy((void *)to, from, size);
  return 0;
}
CALL cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t size, void *stream) {
  return cuMemcpyHtoD_v2(to, from, size);
}
CALL cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t size, void *stream) {
  memcpy(to, (void *)from, size);
  return 0;
}
CALL cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t size, void *stream) {
  memmove((void *)to, (void *)from, size);
  return 0;
}
CALL cuMemcpyPeerAsync(Pointer to, void *other, Pointer from, void *one, size_t size, void *stream) {
  return cuMemcpyDtoDAsync_v2(to, from, size, stream);
}
CALL cuMemsetD8Async(Pointer to, unsigned char value, size_t size, void *stream) {
  memset((void *)to, value, size);
  return 0;
}

CALL cuEventCreate(void **event, unsigned flags) { *event = &context; return 0; }
NOTHING(cuEventRecord)
NOTHING(cuEventSynchronize)
NOTHING(cuEventDestroy_v2)
CALL cuStreamCreate(void **stream, unsigned flags) { *stream = &context; return 0; }
NOTHING(cuStreamWaitEvent)
NOTHING(cuStreamSynchronize)
NOTHING(cuStreamDestroy_v2)
REFUSED(cuIpcGetMemHandle)
REFUSED(cuIpcOpenMemHandle)
REFUSED(cuIpcCloseMemHandle)
