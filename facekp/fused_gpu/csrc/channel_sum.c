#section kernels

#kernel partial_sums : *, size, uint32, uint32, uint32, *, size :
#include "cluda.h"

/* Block (channel, part) adds up one channel of every GDIM_1-th image. */
KERNEL void partial_sums(GLOBAL_MEM const ga_float *x, const ga_size x_offset, const ga_uint images,
                         const ga_uint channels, const ga_uint pixels, GLOBAL_MEM ga_float *sums,
                         const ga_size sums_offset) {
  x = (GLOBAL_MEM const ga_float *)(((GLOBAL_MEM const char *)x) + x_offset);
  sums = (GLOBAL_MEM ga_float *)(((GLOBAL_MEM char *)sums) + sums_offset);
  LOCAL_MEM ga_float shared[256];
  ga_float sum = 0;
  for (ga_uint image = GID_1; image < images; image += GDIM_1) {
    GLOBAL_MEM const ga_float *from = x + ((ga_size)image * channels + GID_0) * pixels;
    for (ga_uint i = LID_0; i < pixels; i += LDIM_0) sum += from[i];
  }
  shared[LID_0] = sum;
  for (ga_uint half_ = LDIM_0 / 2; half_ > 0; half_ /= 2) {
    local_barrier();
    if (LID_0 < half_) shared[LID_0] += shared[LID_0 + half_];
  }
  if (LID_0 == 0) sums[GID_1 * channels + GID_0] = shared[0];
}

#kernel sum_of_parts : uint32, *, size, uint32, *, size :
#include "cluda.h"

KERNEL void sum_of_parts(const ga_uint channels, GLOBAL_MEM const ga_float *sums,
                         const ga_size sums_offset, const ga_uint parts, GLOBAL_MEM ga_float *total,
                         const ga_size total_offset) {
  sums = (GLOBAL_MEM const ga_float *)(((GLOBAL_MEM const char *)sums) + sums_offset);
  total = (GLOBAL_MEM ga_float *)(((GLOBAL_MEM char *)total) + total_offset);
  for (ga_uint i = GID_0 * LDIM_0 + LID_0; i < channels; i += LDIM_0 * GDIM_0) {
    ga_float sum = 0;
    for (ga_uint part = 0; part < parts; ++part) sum += sums[part * channels + i];
    total[i] = sum;
  }
}

#section support_code_struct

#define BLOCKS 1024

int channel_sum(PyGpuArrayObject *x, PyGpuArrayObject **total, PyGpuContextObject *context) {
  const size_t *shape = PyGpuArray_DIMS(x);
  size_t images = shape[0], channels = shape[1], pixels = shape[2] * shape[3];
  if (theano_prep_output(total, 1, &channels, GA_FLOAT, GA_C_ORDER, context) != 0) {
    PyErr_SetString(PyExc_RuntimeError, "channel sum: no memory on the device for the output");
    return 1;
  }
  int err = GA_NO_ERROR;
  if (images * channels * pixels == 0) {
    err = GpuArray_memset(&(*total)->ga, 0);
  } else {
    size_t parts = (BLOCKS + channels - 1) / channels;
    parts = parts > images ? images : parts;
    const size_t sums_shape[2] = {parts, channels};
    PyGpuArrayObject *sums = pygpu_empty(2, sums_shape, GA_FLOAT, GA_C_ORDER, context, Py_None);
    if (sums == NULL) return 1;
    size_t grid[2] = {channels, parts}, block[2] = {256, 1};
    err = partial_sums_call(2, grid, block, 0, x->ga.data, x->ga.offset, images, channels, pixels,
                            sums->ga.data, sums->ga.offset);
    if (err == GA_NO_ERROR)
      err = sum_of_parts_scall(1, &channels, 0, channels, sums->ga.data, sums->ga.offset, parts,
                               (*total)->ga.data, (*total)->ga.offset);
    Py_DECREF(sums);
  }
  if (err != GA_NO_ERROR)
    PyErr_Format(PyExc_RuntimeError, "channel sum: error %d of the device", err);
  return err != GA_NO_ERROR;
}
