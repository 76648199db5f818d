/** The option language: values, the key-value syntax, records bound to values. */
@NullMarked
package jcrosvm.config;

import org.jspecify.annotations.NullMarked;
