;; The two loops that take the time, for processors that compute on four numbers at once. kernel.js
;; does the same to the same memory in JavaScript: bit for bit, so a change here is a change there.
;;
;; Assembled by page_assembler.py when a page is made. (@define …) is a macro of that assembler:
;; the rest is WebAssembly text as every tool reads it.

(module
  (import "page" "memory" (memory 1))

  ;; Two weights of each of four columns times two activations, added to the four sums.
  (@define (@columns $sums $weights $pair $at)
    (local.set $sums (i32x4.add (local.get $sums)
      (i32x4.dot_i16x8_s (i16x8.load8x8_s offset=$at (local.get $weights)) (local.get $pair)))))

  ;; Four integer sums, scaled column by column, plus what is added to them.
  (@define (@finish $sums $out $scales $added $at)
    (v128.store offset=$at (local.get $out)
      (f32x4.add
        (f32x4.mul (f32x4.convert_i32x4_s (local.get $sums)) (v128.load offset=$at (local.get $scales)))
        (v128.load offset=$at (local.get $added)))))

  (@define (@advance $pointer $bytes)
    (local.set $pointer (i32.add (local.get $pointer) (i32.const $bytes))))

  ;; out[n] = scales[n] · Σ rows[k] · weights[k][n] + added[n]
  ;;
  ;; rows     int16, an even number of them, as pairs
  ;; weights  int8, 32 columns at a time: for each pair of rows 32 pairs of weights
  ;; columns  a multiple of 32
  (func $product (export "product")
    (param $rows i32) (param $pairs i32) (param $weights i32) (param $columns i32)
    (param $scales i32) (param $added i32) (param $out i32)
    (local $row i32) (local $last i32) (local $end i32) (local $pair v128)
    (local $a v128) (local $b v128) (local $c v128) (local $d v128)
    (local $e v128) (local $f v128) (local $g v128) (local $h v128)
    (local.set $last (i32.add (local.get $rows) (i32.shl (local.get $pairs) (i32.const 2))))
    (local.set $end (i32.add (local.get $out) (i32.shl (local.get $columns) (i32.const 2))))
    (loop $block
      (local.set $a (v128.const i32x4 0 0 0 0))
      (local.set $b (v128.const i32x4 0 0 0 0))
      (local.set $c (v128.const i32x4 0 0 0 0))
      (local.set $d (v128.const i32x4 0 0 0 0))
      (local.set $e (v128.const i32x4 0 0 0 0))
      (local.set $f (v128.const i32x4 0 0 0 0))
      (local.set $g (v128.const i32x4 0 0 0 0))
      (local.set $h (v128.const i32x4 0 0 0 0))
      (local.set $row (local.get $rows))
      (loop $next
        (local.set $pair (v128.load32_splat (local.get $row)))
        (@columns $a $weights $pair 0)
        (@columns $b $weights $pair 8)
        (@columns $c $weights $pair 16)
        (@columns $d $weights $pair 24)
        (@columns $e $weights $pair 32)
        (@columns $f $weights $pair 40)
        (@columns $g $weights $pair 48)
        (@columns $h $weights $pair 56)
        (@advance $weights 64)
        (@advance $row 4)
        (br_if $next (i32.lt_u (local.get $row) (local.get $last))))
      (@finish $a $out $scales $added 0)
      (@finish $b $out $scales $added 16)
      (@finish $c $out $scales $added 32)
      (@finish $d $out $scales $added 48)
      (@finish $e $out $scales $added 64)
      (@finish $f $out $scales $added 80)
      (@finish $g $out $scales $added 96)
      (@finish $h $out $scales $added 112)
      (@advance $out 128)
      (@advance $scales 128)
      (@advance $added 128)
      (br_if $block (i32.lt_u (local.get $out) (local.get $end)))))

  ;; p = p · s + a as a float32 number, computed in float64: p and s are float32 numbers, so their
  ;; product is exact and the sum is rounded to 53 bits and then to 24. A processor's fused
  ;; multiply-add rounds once; the two differ in one case of some 500 million.
  (@define (@fused $p $s $a)
    (local.set $p (f64x2.promote_low_f32x4 (f32x4.demote_f64x2_zero
      (f64x2.add (f64x2.mul (local.get $p) (local.get $s)) (v128.const f64x2 $a $a))))))

  ;; A coefficient for the lower two and the upper two numbers, numerator or denominator.
  (@define (@both $low $high $a)
    (@fused $low $slow $a)
    (@fused $high $shigh $a))

  (@define (@upper $x)
    (f64x2.promote_low_f32x4
      (i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 $x $x)))

  (@define (@joined $low $high)
    (i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23
      (f32x4.demote_f64x2_zero (local.get $low)) (f32x4.demote_f64x2_zero (local.get $high))))

  (@define (@clamped $x $least $most)
    (f32x4.pmin (v128.const f32x4 $most $most $most $most)
      (f32x4.pmax (v128.const f32x4 $least $least $least $least) $x)))

  (@define (@square $x $slow $shigh)
    (local.set $slow (f32x4.mul (local.get $x) (local.get $x)))
    (local.set $shigh (@upper (local.get $slow)))
    (local.set $slow (f64x2.promote_low_f32x4 (local.get $slow))))

  ;; Eigen's rational functions, as ONNX Runtime computes them on the server. The coefficients are
  ;; float32 numbers, written out.
  (func $tanh (param $x v128) (result v128)
    (local $slow v128) (local $shigh v128)
    (local $p v128) (local $phigh v128) (local $q v128) (local $qhigh v128)
    (local.set $x (@clamped (local.get $x) -9 9))
    (@square $x $slow $shigh)
    (local.set $p (v128.const f64x2 -2.7607683663038313e-16 -2.7607683663038313e-16))
    (local.set $phigh (local.get $p))
    (@both $p $phigh 2.0001879384549948e-13)
    (@both $p $phigh -8.604671836165423e-11)
    (@both $p $phigh 5.122297253024044e-08)
    (@both $p $phigh 1.4857223504805006e-05)
    (@both $p $phigh 0.0006372619536705315)
    (@both $p $phigh 0.004893524572253227)
    (local.set $q (v128.const f64x2 1.1982583600911312e-06 1.1982583600911312e-06))
    (local.set $qhigh (local.get $q))
    (@both $q $qhigh 0.00011853470641653985)
    (@both $q $qhigh 0.0022684347350150347)
    (@both $q $qhigh 0.0048935250379145145)
    (f32x4.div (f32x4.mul (@joined $p $phigh) (local.get $x)) (@joined $q $qhigh)))

  (func $sigmoid (param $x v128) (result v128)
    (local $slow v128) (local $shigh v128)
    (local $p v128) (local $phigh v128) (local $q v128) (local $qhigh v128)
    (local.set $x (@clamped (local.get $x) -18 18))
    (@square $x $slow $shigh)
    (local.set $p (v128.const f64x2 4.370310016654777e-11 4.370310016654777e-11))
    (local.set $phigh (local.get $p))
    (@both $p $phigh 1.156273228275495e-07)
    (@both $p $phigh 6.085748827899806e-05)
    (@both $p $phigh 0.008513770997524261)
    (@both $p $phigh 0.24828794598579407)
    (local.set $q (v128.const f64x2 6.102473669618302e-13 6.102473669618302e-13))
    (local.set $qhigh (local.get $q))
    (@both $q $qhigh 5.761021437677982e-09)
    (@both $q $qhigh 6.291068075370276e-06)
    (@both $q $qhigh 0.0017019881634041667)
    (@both $q $qhigh 0.1168176531791687)
    (@both $q $qhigh 0.9931519031524658)
    (@clamped
      (f32x4.add
        (f32x4.div (f32x4.mul (@joined $p $phigh) (local.get $x)) (@joined $q $qhigh))
        (v128.const f32x4 0.5 0.5 0.5 0.5))
      0 1))

  ;; c = c · σ(f) + σ(i) · tanh(j), h = tanh(c) · σ(o), for all units of a layer, four at a time.
  ;;
  ;; gates  float32: i, j, f and o of all units, one kind after the other
  ;; cells  float32: c of each unit
  ;; own    int16: where this layer reads h in the next step, 127 times it and rounded
  ;; above  int16: where the layer above reads it in this step
  (func $cells (export "cells")
    (param $gates i32) (param $cells i32) (param $own i32) (param $above i32) (param $units i32)
    (local $j i32) (local $f i32) (local $o i32) (local $end i32) (local $c v128)
    (local.set $j (i32.add (local.get $gates) (i32.shl (local.get $units) (i32.const 2))))
    (local.set $f (i32.add (local.get $j) (i32.shl (local.get $units) (i32.const 2))))
    (local.set $o (i32.add (local.get $f) (i32.shl (local.get $units) (i32.const 2))))
    (local.set $end (local.get $j))
    (loop $next
      (v128.store offset=0 (local.get $cells) (local.tee $c
        (f32x4.add
          (f32x4.mul (v128.load offset=0 (local.get $cells)) (call $sigmoid (v128.load (local.get $f))))
          (f32x4.mul
            (call $sigmoid (v128.load (local.get $gates))) (call $tanh (v128.load (local.get $j)))))))
      (local.set $c (i32x4.trunc_sat_f32x4_s (f32x4.nearest (f32x4.div
        (f32x4.mul (call $tanh (local.get $c)) (call $sigmoid (v128.load (local.get $o))))
        (v128.const f32x4 0.007874015718698502 0.007874015718698502
          0.007874015718698502 0.007874015718698502)))))
      (local.set $c (i16x8.narrow_i32x4_s (local.get $c) (local.get $c)))
      (v128.store64_lane 0 (local.get $own) (local.get $c))
      (v128.store64_lane 0 (local.get $above) (local.get $c))
      (@advance $gates 16)
      (@advance $j 16)
      (@advance $f 16)
      (@advance $o 16)
      (@advance $cells 16)
      (@advance $own 8)
      (@advance $above 8)
      (br_if $next (i32.lt_u (local.get $gates) (local.get $end))))))
