/**
 * The execution of a guest's requests on a disk image: what devices of any kind that have one share, whatever form their
 * requests come in.
 */
@NullMarked
package jcrosvm.disk.io;

import org.jspecify.annotations.NullMarked;
