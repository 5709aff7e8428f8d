#section kernels

#kernel im2col : uint32, *, size, size, uint32, uint32, uint32, uint32, uint32, uint32, uint32, uint32, uint32, uint32, uint32, uint32, *, size :
#include "cluda.h"

/* One thread copies the filter's window of one pixel of one channel of one image. Column
   (image, y, x), row (channel, filter row, filter column): pixels of the batch lie side by side. */
KERNEL void im2col(const ga_uint threads, GLOBAL_MEM const ga_float *images,
                   const ga_size images_offset, const ga_size first, const ga_uint count,
                   const ga_uint channels, const ga_uint height, const ga_uint width,
                   const ga_uint kernel_h, const ga_uint kernel_w, const ga_uint pad_h,
                   const ga_uint pad_w, const ga_uint stride_h, const ga_uint stride_w,
                   const ga_uint out_h, const ga_uint out_w, GLOBAL_MEM ga_float *columns,
                   const ga_size columns_offset) {
  images = (GLOBAL_MEM const ga_float *)(((GLOBAL_MEM const char *)images) + images_offset) + first;
  columns = (GLOBAL_MEM ga_float *)(((GLOBAL_MEM char *)columns) + columns_offset);
  const ga_uint pixels = count * out_h * out_w;
  for (ga_uint i = GID_0 * LDIM_0 + LID_0; i < threads; i += LDIM_0 * GDIM_0) {
    const ga_uint channel = i / pixels, pixel = i % pixels;
    const ga_uint x = pixel % out_w, y = pixel / out_w % out_h, image = pixel / out_w / out_h;
    const ga_int top = (ga_int)(y * stride_h) - (ga_int)pad_h;
    const ga_int left = (ga_int)(x * stride_w) - (ga_int)pad_w;
    GLOBAL_MEM const ga_float *from = images + ((ga_size)image * channels + channel) * height * width;
    GLOBAL_MEM ga_float *to = columns + (ga_size)channel * kernel_h * kernel_w * pixels + pixel;
    for (ga_int ky = top; ky < top + (ga_int)kernel_h; ++ky)
      for (ga_int kx = left; kx < left + (ga_int)kernel_w; ++kx) {
        const ga_int inside = ky >= 0 && kx >= 0 && ky < (ga_int)height && kx < (ga_int)width;
        *to = inside ? from[ky * (ga_int)width + kx] : 0;
        to += pixels;
      }
  }
}

#kernel col2im : uint32, *, size, uint32, uint32, uint32, uint32, uint32, uint32, uint32, uint32, uint32, uint32, uint32, uint32, *, size, size :
#include "cluda.h"

/* The transpose of im2col: one thread gathers all that was made of one pixel of an image. */
KERNEL void col2im(const ga_uint threads, GLOBAL_MEM const ga_float *columns,
                   const ga_size columns_offset, const ga_uint count, const ga_uint channels,
                   const ga_uint height, const ga_uint width, const ga_uint kernel_h,
                   const ga_uint kernel_w, const ga_uint pad_h, const ga_uint pad_w,
                   const ga_uint stride_h, const ga_uint stride_w, const ga_uint out_h,
                   const ga_uint out_w, GLOBAL_MEM ga_float *images, const ga_size images_offset,
                   const ga_size first) {
  columns = (GLOBAL_MEM const ga_float *)(((GLOBAL_MEM const char *)columns) + columns_offset);
  images = (GLOBAL_MEM ga_float *)(((GLOBAL_MEM char *)images) + images_offset) + first;
  const ga_uint pixels = count * out_h * out_w;
  for (ga_uint i = GID_0 * LDIM_0 + LID_0; i < threads; i += LDIM_0 * GDIM_0) {
    const ga_uint x = i % width + pad_w, y = i / width % height + pad_h;
    const ga_uint channel = i / width / height % channels, image = i / width / height / channels;
    GLOBAL_MEM const ga_float *from =
        columns + (ga_size)channel * kernel_h * kernel_w * pixels + image * out_h * out_w;
    ga_float sum = 0;
    for (ga_uint ky = 0; ky < kernel_h && ky <= y; ++ky) {
      const ga_uint row = (y - ky) / stride_h;
      if (row * stride_h != y - ky || row >= out_h) continue;
      for (ga_uint kx = 0; kx < kernel_w && kx <= x; ++kx) {
        const ga_uint column = (x - kx) / stride_w;
        if (column * stride_w == x - kx && column < out_w)
          sum += from[(ga_size)(ky * kernel_w + kx) * pixels + row * out_w + column];
      }
    }
    images[i] = sum;
  }
}

#kernel swap_axes : uint32, *, size, size, uint32, uint32, uint32, *, size, size :
#include "cluda.h"

/* (a, b, length) -> (b, a, length) */
KERNEL void swap_axes(const ga_uint threads, GLOBAL_MEM const ga_float *from,
                      const ga_size from_offset, const ga_size from_first, const ga_uint a,
                      const ga_uint b, const ga_uint length, GLOBAL_MEM ga_float *to,
                      const ga_size to_offset, const ga_size to_first) {
  from = (GLOBAL_MEM const ga_float *)(((GLOBAL_MEM const char *)from) + from_offset) + from_first;
  to = (GLOBAL_MEM ga_float *)(((GLOBAL_MEM char *)to) + to_offset) + to_first;
  for (ga_uint i = GID_0 * LDIM_0 + LID_0; i < threads; i += LDIM_0 * GDIM_0) {
    const ga_uint j = i / length;
    to[i] = from[(ga_size)(j % a * b + j / a) * length + i % length];
  }
}

#section support_code_struct

/* Called by the code of Theano's BaseGpuCorrMM, which has checked the shapes and made the output:
   one of bottom (n, channels, height, width), weight (filters, channels, kH, kW) and top
   (n, filters, out_h, out_w). Theano's own function loops over the images; this one makes the
   columns of as many images as fit in COLUMN_BYTES, and one product of them. */
#ifndef COLUMN_BYTES
#define COLUMN_BYTES ((size_t)512 << 20)
#endif

static int product(cb_transpose tA, cb_transpose tB, size_t M, size_t N, size_t K, GpuArray *A,
                   size_t lda, GpuArray *B, size_t ldb, float beta, GpuArray *C, size_t ldc) {
  return gpublas_sgemm(cb_fortran, tA, tB, M, N, K, 1, A->data, A->offset / 4, lda, B->data,
                       B->offset / 4, ldb, beta, C->data, C->offset / 4, ldc);
}

PyGpuArrayObject *corrMM(PyGpuArrayObject *const bottom, PyGpuArrayObject *const weight,
                         PyGpuArrayObject *const top, const size_t direction, const size_t dH,
                         const size_t dW, const size_t dilH, const size_t dilW, const size_t padH_l,
                         const size_t padH_r, const size_t padW_l, const size_t padW_r,
                         const size_t numgroups, const size_t unshared) {
  const size_t *in = PyGpuArray_DIMS(bottom), *w = PyGpuArray_DIMS(weight);
  const size_t *out = PyGpuArray_DIMS(top);
  PyGpuArrayObject *result = direction == 0 ? top : direction == 1 ? weight : bottom;
  PyGpuArrayObject *arrays[3] = {bottom, weight, top};
  for (int i = 0; i < 3; ++i)
    if (!GpuArray_IS_C_CONTIGUOUS(&arrays[i]->ga) || arrays[i]->ga.typecode != GA_FLOAT) {
      PyErr_SetString(PyExc_ValueError, "convolution: expected float32 in C order");
      return NULL;
    }
  const size_t images = in[0], channels = in[1], height = in[2], width = in[3];
  const size_t filters = w[0], rows = channels * w[2] * w[3], pixels = out[2] * out[3];
  if (w[1] != channels || out[0] != images || out[1] != filters ||
      (height + padH_l + padH_r - w[2]) / dH + 1 != out[2] ||
      (width + padW_l + padW_r - w[3]) / dW + 1 != out[3] || dilH != 1 || dilW != 1 ||
      numgroups != 1 || unshared) {
    PyErr_Format(PyExc_ValueError,
                 "convolution: images %zu x %zu x %zu x %zu, filters %zu x %zu x %zu x %zu and "
                 "output %zu x %zu x %zu x %zu do not go together", in[0], in[1], in[2], in[3],
                 w[0], w[1], w[2], w[3], out[0], out[1], out[2], out[3]);
    return NULL;
  }
  if (images * rows * filters * pixels == 0) {
    int err = GpuArray_memset(&result->ga, 0);
    if (err == GA_NO_ERROR) return result;
    PyErr_Format(PyExc_RuntimeError, "convolution: zeros: error %d of the device", err);
    return NULL;
  }
  const size_t wider = rows > filters ? rows : filters;
  size_t chunk = COLUMN_BYTES / 4 / (wider * pixels);
  chunk = chunk < 1 ? 1 : chunk > images ? images : chunk;
  const size_t columns_shape[2] = {rows, chunk * pixels}, swapped_shape[2] = {filters, chunk * pixels};
  PyGpuArrayObject *columns = pygpu_empty(2, columns_shape, GA_FLOAT, GA_C_ORDER, bottom->context,
                                          Py_None);
  PyGpuArrayObject *swapped = columns == NULL ? NULL :
      pygpu_empty(2, swapped_shape, GA_FLOAT, GA_C_ORDER, bottom->context, Py_None);
  if (swapped == NULL) {
    Py_XDECREF(columns);
    return NULL;
  }
  GpuArray *C = &columns->ga, *S = &swapped->ga, *W = &weight->ga, *B = &bottom->ga, *T = &top->ga;
  int err = GA_NO_ERROR;
  for (size_t first = 0; first < images && err == GA_NO_ERROR; first += chunk) {
    const size_t n = images - first < chunk ? images - first : chunk, N = n * pixels;
    const size_t first_in = first * channels * height * width, first_out = first * filters * pixels;
    size_t gathered = channels * N, scattered = n * channels * height * width, moved = filters * N;
    if (direction != 2)
      err = im2col_scall(1, &gathered, 0, gathered, B->data, B->offset, first_in, n, channels,
                         height, width, w[2], w[3], padH_l, padW_l, dH, dW, out[2], out[3],
                         C->data, C->offset);
    if (direction != 0 && err == GA_NO_ERROR)
      err = swap_axes_scall(1, &moved, 0, moved, T->data, T->offset, first_out, n, filters, pixels,
                            S->data, S->offset, 0);
    if (err != GA_NO_ERROR) break;
    if (direction == 0) {
      err = product(cb_no_trans, cb_no_trans, N, filters, rows, C, N, W, rows, 0, S, N);
      if (err == GA_NO_ERROR)
        err = swap_axes_scall(1, &moved, 0, moved, S->data, S->offset, 0, filters, n, pixels,
                              T->data, T->offset, first_out);
    } else if (direction == 1) {
      err = product(cb_trans, cb_no_trans, rows, filters, N, C, N, S, N, first ? 1 : 0, W, rows);
    } else {
      err = product(cb_no_trans, cb_trans, N, rows, filters, S, N, W, rows, 0, C, N);
      if (err == GA_NO_ERROR)
        err = col2im_scall(1, &scattered, 0, scattered, C->data, C->offset, n, channels, height,
                           width, w[2], w[3], padH_l, padW_l, dH, dW, out[2], out[3], B->data,
                           B->offset, first_in);
    }
  }
  Py_DECREF(columns);
  Py_DECREF(swapped);
  if (err == GA_NO_ERROR) return result;
  PyErr_Format(PyExc_RuntimeError, "convolution: error %d of the device", err);
  return NULL;
}
