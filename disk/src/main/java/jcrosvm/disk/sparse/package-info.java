/**
 * Android's sparse images, as its build makes them and fastboot sends them: chunks of stored blocks, blocks of one
 * repeated word, and blocks that were never written. They can only be read.
 */
@NullMarked
package jcrosvm.disk.sparse;

import org.jspecify.annotations.NullMarked;
