/**
 * Decompression of kernel payloads and of parts of disk images as a stream, so that no second copy of a kernel is kept
 * in the Java heap.
 *
 * <p>gzip comes with the JDK and xz and lzma with a library. LZ4 and Zstandard are decoded here: the libraries for them
 * either need native access, which only module base has, or write memory without bounds, or are not modules.
 *
 * <p>Damaged input is an {@link java.io.IOException}. Memory is bounded by what the caller says the result may have.
 */
@NullMarked
package jcrosvm.unpack;

import org.jspecify.annotations.NullMarked;
