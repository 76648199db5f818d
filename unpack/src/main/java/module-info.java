/** Decompression as a stream. */
module jcrosvm.unpack {
    requires static org.jspecify;
    requires org.tukaani.xz;

    exports jcrosvm.unpack;
}
